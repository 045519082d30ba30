//! The numbers inside contiguous CPU tensors.

use candle_core::{CpuStorage, Device, InplaceOp1, Layout, Result, Storage, Tensor, bail};
use std::cell::Cell;

/// A tensor of zeros, to be written in place.
///
/// # Errors
///
/// If candle cannot allocate it.
pub fn zeros(rows: usize, columns: usize) -> Result<Tensor> {
    Tensor::zeros((rows, columns), candle_core::DType::F32, &Device::Cpu)
}

/// A tensor of places, to be written in place.
///
/// # Errors
///
/// If candle cannot allocate it.
pub fn places(rows: usize, columns: usize) -> Result<Tensor> {
    Tensor::zeros((rows, columns), candle_core::DType::U32, &Device::Cpu)
}

/// The numbers of an operation's source.
///
/// # Errors
///
/// If the tensor is not f32 and contiguous.
pub fn source<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let Some((start, end)) = layout.contiguous_offsets() else { bail!("expected a contiguous tensor") };
    Ok(&storage.as_slice::<f32>()?[start..end])
}

/// The numbers of an operation's destination.
///
/// # Errors
///
/// If the tensor is not f32 and contiguous.
pub fn destination<'a>(storage: &'a mut CpuStorage, layout: &Layout) -> Result<&'a mut [f32]> {
    let Some((start, end)) = layout.contiguous_offsets() else { bail!("expected a contiguous tensor") };
    match storage {
        CpuStorage::F32(values) => Ok(&mut values[start..end]),
        _ => bail!("expected a tensor of f32"),
    }
}

/// Reads a tensor's numbers without copying them.
///
/// # Errors
///
/// If the tensor is not f32, contiguous and on the CPU.
pub fn read<R>(tensor: &Tensor, reader: impl FnOnce(&[f32]) -> R) -> Result<R> {
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) => Ok(reader(source(storage, layout)?)),
        _ => bail!("expected a tensor on the CPU"),
    }
}

/// Writes a tensor's numbers in place.
///
/// # Errors
///
/// If the tensor is not f32, contiguous and on the CPU.
pub fn write<F: FnOnce(&mut [f32])>(tensor: &Tensor, writer: F) -> Result<()> {
    tensor.inplace_op1(&Write(Cell::new(Some(writer))))
}

struct Write<F>(Cell<Option<F>>);

impl<F: FnOnce(&mut [f32])> InplaceOp1 for Write<F> {
    fn name(&self) -> &'static str {
        "write"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let values = destination(storage, layout)?;
        if let Some(writer) = self.0.take() {
            writer(values);
        }
        Ok(())
    }
}

/// Reads a tensor's places without copying them.
///
/// # Errors
///
/// If the tensor is not u32, contiguous and on the CPU.
pub fn read_places<R>(tensor: &Tensor, reader: impl FnOnce(&[u32]) -> R) -> Result<R> {
    let (storage, layout) = tensor.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(storage), Some((start, end))) => Ok(reader(&storage.as_slice::<u32>()?[start..end])),
        _ => bail!("expected a contiguous tensor on the CPU"),
    }
}

/// Writes a tensor's places in place.
///
/// # Errors
///
/// If the tensor is not u32, contiguous and on the CPU.
pub fn write_places<F: FnOnce(&mut [u32])>(tensor: &Tensor, writer: F) -> Result<()> {
    tensor.inplace_op1(&WritePlaces(Cell::new(Some(writer))))
}

struct WritePlaces<F>(Cell<Option<F>>);

impl<F: FnOnce(&mut [u32])> InplaceOp1 for WritePlaces<F> {
    fn name(&self) -> &'static str {
        "write-places"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        match (storage, layout.contiguous_offsets(), self.0.take()) {
            (CpuStorage::U32(places), Some((start, end)), Some(writer)) => writer(&mut places[start..end]),
            _ => bail!("expected a contiguous tensor of u32"),
        }
        Ok(())
    }
}
