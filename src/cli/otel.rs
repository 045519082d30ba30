//! Spans sent to an OpenTelemetry collector, by OTLP over HTTP.

use crate::config::Log;
use anyhow::Context as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

/// The end of the export: dropped, it sends what is left.
#[derive(Debug)]
pub struct Export(SdkTracerProvider);

impl Drop for Export {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown() {
            tracing::warn!(%error, "the last spans could not be sent");
        }
    }
}

/// A layer that sends gand's own spans to the collector that the settings name, if they name one. It is not the log's
/// filter that decides about them but the sampler (`OTEL_TRACES_SAMPLER`).
///
/// # Errors
///
/// If the settings are malformed.
pub fn layer<S>(log: &Log) -> anyhow::Result<Option<(impl Layer<S> + use<S>, Export)>>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    let traces = log.otlp_traces_endpoint.clone();
    let endpoint = traces.or_else(|| {
        let base = log.otlp_endpoint.as_ref()?;
        Some(format!("{}/v1/traces", base.trim_end_matches('/')))
    });
    let Some(endpoint) = endpoint else { return Ok(None) };
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(&endpoint)
        .build()
        .with_context(|| format!("cannot export spans to {endpoint}"))?;
    // A name from OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES goes before ours.
    let named = Resource::builder().build();
    let unnamed = named.get(&"service.name".into()).is_none_or(|name| name.as_str().starts_with("unknown_service"));
    let resource = match unnamed {
        true => Resource::builder().with_service_name("gand").build(),
        false => named,
    };
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
    let layer: OpenTelemetryLayer<S, SdkTracer> = tracing_opentelemetry::layer().with_tracer(provider.tracer("gand"));
    let own = filter_fn(|metadata| metadata.target().starts_with("gand") && *metadata.level() <= tracing::Level::INFO);
    Ok(Some((layer.with_filter(own), Export(provider))))
}
