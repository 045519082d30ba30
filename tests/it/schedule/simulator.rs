//! A seeded world of users, processes with clocks of their own, and a database that can be away. Whatever happens in
//! it, each move of a job is made by `gand::job::schedule`; what may not happen is judged by the simulator's own books.

use gand::job::schedule::{Hold, Standing, turn};
use gand::job::{Command, Desired, Ending, JobError, JobErrorKind, JobId, Lapse, OwnerId, Status};
use std::fmt;
use uuid::Uuid;

const MOVES: usize = 40;
const JOBS: usize = 4;
const PROCESSES: usize = 3;
const SLOTS: usize = 2;
/// Milliseconds, as all time here.
const LEASE: u64 = 30_000;
const STEPS: u64 = 100;
/// Rounds after the last fault within which everything must have come to its end.
const PATIENCE: usize = 60;

/// The rules, or the rules with one taken away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rules {
    AsTheyAre,
    /// A write proves its owner and no fence.
    FenceIgnored,
    /// A claim leaves the fence as it is.
    FenceNotCounted,
    /// A claim takes a running job whose lease is still good.
    LeaseIgnored,
    /// A job that has ended is taken up again without a word of its user.
    EndedJobsMove,
    /// Nobody settles lapsed leases.
    NoSweeper,
}

/// What may not happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Violation {
    TwoOwners,
    FenceDidNotGrow,
    WriteUnderAnOldFence,
    EndedTwice,
    LeftItsEnd,
    CheckpointLost,
    TooManyAttempts,
    SucceededUntrained,
    NeverEnded,
}

/// A violation, and how it came about.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) violation: Violation,
    pub(super) seed: u64,
    pub(super) history: Vec<&'static str>,
}

/// What happened, in sums.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Tally {
    pub(super) claims: u64,
    pub(super) writes: u64,
    pub(super) refused: u64,
    pub(super) lapses: u64,
    pub(super) ended: u64,
}

impl Tally {
    pub(super) fn add(&mut self, other: Self) {
        self.claims += other.claims;
        self.writes += other.writes;
        self.refused += other.refused;
        self.lapses += other.lapses;
        self.ended += other.ended;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { claims, writes, refused, lapses, ended } = self;
        write!(
            f,
            "{claims} claims, {writes} writes, {refused} stale writes refused, {lapses} leases lapsed, {ended} ends"
        )
    }
}

struct Job {
    id: JobId,
    standing: Standing,
    lease_until: u64,
    priority: i32,
    queued_at: u64,
    steps: u64,
    last_step: u64,
    checkpoint: u64,
    /// The simulator's own books: whose the job is, the highest fence, and how often this stretch has ended.
    holder: Option<Hold>,
    highest_fence: i64,
    ends: u32,
}

#[derive(Clone, Copy)]
struct Run {
    job: usize,
    hold: Hold,
    step: u64,
    /// By the process's own clock.
    good_until: u64,
    desired: Desired,
    /// Its training hangs: it is not renewed, but may still write when it wakes.
    hangs: bool,
}

struct Process {
    owner: OwnerId,
    /// How far its clock is ahead.
    skew: u64,
    /// Stopped by a signal, or cut off; it remembers what it was doing.
    sleeps: bool,
    runs: [Option<Run>; SLOTS],
}

struct World {
    rules: Rules,
    random: u64,
    owners: u128,
    now: u64,
    database: bool,
    jobs: Vec<Job>,
    processes: [Process; PROCESSES],
    tally: Tally,
    violation: Option<Violation>,
    history: Vec<&'static str>,
}

/// One random history, to its end in peace.
pub(super) fn simulate(seed: u64, rules: Rules) -> Result<Tally, Broken> {
    let mut world = World::new(seed, rules);
    for _ in 0..MOVES {
        world.any_move();
        if world.violation.is_some() {
            break;
        }
    }
    if world.violation.is_none() {
        world.come_to_rest();
    }
    match world.violation {
        None => Ok(world.tally),
        Some(violation) => Err(Broken { violation, seed, history: world.history }),
    }
}

impl World {
    fn new(seed: u64, rules: Rules) -> Self {
        let process = |index: u128| Process {
            owner: OwnerId(Uuid::from_u128(index)),
            skew: 0,
            sleeps: false,
            runs: [None; SLOTS],
        };
        let mut world = Self {
            rules,
            random: seed ^ 0x9e37_79b9_7f4a_7c15,
            owners: PROCESSES as u128,
            now: 1_000_000,
            database: true,
            jobs: Vec::with_capacity(JOBS),
            processes: [process(0), process(1), process(2)],
            tally: Tally::default(),
            violation: None,
            history: Vec::with_capacity(MOVES),
        };
        world.submit();
        world.submit();
        world
    }

    fn random(&mut self, below: usize) -> usize {
        // SplitMix64 (Steele et al., 2014).
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 33) as usize % below
    }

    fn violated(&mut self, violation: Violation) {
        self.violation.get_or_insert(violation);
    }

    fn any_move(&mut self) {
        let process = self.random(PROCESSES);
        let slot = self.random(SLOTS);
        let job = self.random(self.jobs.len());
        let (word, ()) = match self.random(40) {
            0 => ("submit", self.submit()),
            1..=7 => ("claim", self.claim(process)),
            8..=11 => ("renew", self.renew(process, slot)),
            12..=17 => ("train", self.train(process, slot, false)),
            18 => ("train whatever the lease", self.train(process, slot, true)),
            19 => ("fail", self.fail(process, slot)),
            20 => ("crash", self.crash(process)),
            21 | 22 => ("sleep", self.processes[process].sleeps = true),
            23 | 24 => ("wake", self.processes[process].sleeps = false),
            25 => ("hang", self.hang(process, slot)),
            26 => ("shut down", self.shut_down(process)),
            27 | 28 => ("a moment passes", self.pass(LEASE / 4)),
            29 | 30 => ("a lease passes", self.pass(LEASE + 1)),
            31 | 32 => ("sweep", self.sweep()),
            33 => ("cancel", self.command(job, Command::Cancel)),
            34 => ("pause", self.command(job, Command::Pause)),
            35 | 36 => ("resume", self.command(job, Command::Resume)),
            37 => ("extend", self.command(job, Command::Extend)),
            38 => ("outage", self.database = !self.database),
            _ => ("clocks drift", self.processes[process].skew = self.random(2 * LEASE as usize) as u64),
        };
        self.history.push(word);
    }

    fn submit(&mut self) {
        if self.jobs.len() < JOBS && self.database {
            let id = JobId(Uuid::from_u128(self.jobs.len() as u128));
            let (priority, queued_at) = (self.random(3) as i32, self.now);
            self.jobs.push(Job {
                id,
                standing: Standing::SUBMITTED,
                lease_until: 0,
                priority,
                queued_at,
                steps: STEPS,
                last_step: 0,
                checkpoint: 0,
                holder: None,
                highest_fence: 0,
                ends: 0,
            });
        }
    }

    fn claim(&mut self, process: usize) {
        let free = self.processes[process].runs.iter().position(Option::is_none);
        let (Some(slot), true, false) = (free, self.database, self.processes[process].sleeps) else { return };
        let (now, rules) = (self.now, self.rules);
        let rank = |job: &Job| (turn(job.priority, job.queued_at as i64), job.id);
        let may_be_taken = |job: &&mut Job| {
            job.standing.is_claimable()
                || (rules == Rules::LeaseIgnored && job.standing.status == Status::Running)
                || (rules == Rules::EndedJobsMove && job.standing.status == Status::Failed)
        };
        let owner = self.processes[process].owner;
        let next = self.jobs.iter_mut().enumerate();
        let next = next.filter(|(_, job)| may_be_taken(job)).min_by_key(|(_, job)| rank(job));
        let Some((index, job)) = next else { return };
        let before = job.standing;
        let mut broken = None;
        if before.status.is_leased() && job.lease_until > now {
            broken = Some(Violation::TwoOwners);
        }
        job.standing.claim(owner);
        if rules == Rules::FenceNotCounted {
            job.standing.fence = before.fence.max(1);
        }
        if job.standing.fence <= job.highest_fence {
            broken = broken.or(Some(Violation::FenceDidNotGrow));
        }
        if job.standing.attempt > gand::job::schedule::MAX_ATTEMPTS {
            broken = broken.or(Some(Violation::TooManyAttempts));
        }
        job.highest_fence = job.standing.fence;
        job.lease_until = now + LEASE;
        job.last_step = job.checkpoint;
        let hold = Hold { job: job.id, owner, fence: job.standing.fence };
        job.holder = Some(hold);
        let run = Run {
            job: index,
            hold,
            step: job.checkpoint,
            good_until: now + self.processes[process].skew + LEASE * 9 / 10,
            desired: Desired::Run,
            hangs: false,
        };
        self.processes[process].runs[slot] = Some(run);
        self.tally.claims += 1;
        if let Some(violation) = broken {
            self.violated(violation);
        }
        self.look_at(index, before.status, false);
    }

    /// Whether a write of a worker is let through; what the rules say is held against the books.
    fn is_let_through(&mut self, run: &Run) -> bool {
        let job = &self.jobs[run.job];
        let held = match self.rules {
            Rules::FenceIgnored => job.standing.status.is_leased() && job.standing.owner == Some(run.hold.owner),
            _ => job.standing.is_held_by(run.hold),
        };
        if held {
            self.tally.writes += 1;
            if job.holder != Some(run.hold) {
                self.violated(Violation::WriteUnderAnOldFence);
            }
        } else {
            self.tally.refused += 1;
        }
        held
    }

    /// A run that may act now: its process is awake and the database is there.
    fn acting(&self, process: usize, slot: usize) -> Option<Run> {
        let awake = self.database && !self.processes[process].sleeps;
        self.processes[process].runs[slot].filter(|_| awake)
    }

    fn renew(&mut self, process: usize, slot: usize) {
        let Some(mut run) = self.acting(process, slot).filter(|run| !run.hangs) else { return };
        if self.is_let_through(&run) {
            let job = &mut self.jobs[run.job];
            job.lease_until = self.now + LEASE;
            job.standing.lapsed = false;
            run.desired = job.standing.desired;
            run.good_until = self.now + self.processes[process].skew + LEASE * 9 / 10;
            self.processes[process].runs[slot] = Some(run);
        } else {
            self.processes[process].runs[slot] = None;
        }
    }

    /// Steps, metrics, now and then a checkpoint; and at its end, or as told, the job is left. A worker does so only
    /// while it thinks that its lease is good, unless the write was under way already.
    fn train(&mut self, process: usize, slot: usize, under_way: bool) {
        let Some(mut run) = self.acting(process, slot) else { return };
        let clock = self.now + self.processes[process].skew;
        if !under_way && (run.hangs || clock >= run.good_until) {
            return;
        }
        let steps = self.jobs[run.job].steps;
        run.step = (run.step + 1 + self.random(STEPS as usize / 2) as u64).min(steps);
        let ending = match run.desired {
            Desired::Pause => Some(Ending::Paused),
            Desired::Cancel => Some(Ending::Cancelled),
            Desired::Run if run.step == steps => Some(Ending::Succeeded),
            Desired::Run => None,
        };
        let publishes = ending.is_some() || self.random(3) == 0;
        if !self.is_let_through(&run) {
            self.processes[process].runs[slot] = None;
            return;
        }
        let job = &mut self.jobs[run.job];
        if publishes {
            if run.step < job.checkpoint {
                self.violated(Violation::CheckpointLost);
                return;
            }
            job.checkpoint = run.step;
        }
        job.last_step = run.step;
        self.processes[process].runs[slot] = Some(run);
        if let Some(ending) = ending {
            self.leave(process, slot, &ending);
        }
    }

    fn fail(&mut self, process: usize, slot: usize) {
        let error = JobError { kind: JobErrorKind::Diverged, step: None, detail: String::new() };
        self.leave(process, slot, &Ending::Failed(error));
    }

    fn leave(&mut self, process: usize, slot: usize, ending: &Ending) {
        let Some(run) = self.acting(process, slot) else { return };
        self.processes[process].runs[slot] = None;
        if !self.is_let_through(&run) {
            return;
        }
        let before = self.jobs[run.job].standing.status;
        self.jobs[run.job].standing.end(ending);
        if self.jobs[run.job].standing.status == Status::Succeeded
            && self.jobs[run.job].checkpoint < self.jobs[run.job].steps
        {
            self.violated(Violation::SucceededUntrained);
        }
        self.look_at(run.job, before, false);
    }

    fn crash(&mut self, process: usize) {
        self.owners += 1;
        let owner = OwnerId(Uuid::from_u128(self.owners));
        self.processes[process] = Process { owner, skew: 0, sleeps: false, runs: [None; SLOTS] };
    }

    fn hang(&mut self, process: usize, slot: usize) {
        if let Some(run) = &mut self.processes[process].runs[slot] {
            run.hangs = !run.hangs;
        }
    }

    fn shut_down(&mut self, process: usize) {
        for slot in 0..SLOTS {
            if let Some(run) = self.acting(process, slot)
                && self.is_let_through(&run)
            {
                let job = &mut self.jobs[run.job];
                job.checkpoint = job.checkpoint.max(run.step);
                job.last_step = job.checkpoint;
                self.leave(process, slot, &Ending::Released);
            }
        }
        if !self.processes[process].sleeps {
            self.crash(process);
        }
    }

    fn pass(&mut self, time: u64) {
        self.now += time;
        for job in &mut self.jobs {
            job.standing.lapsed = job.standing.status.is_leased() && job.lease_until <= self.now;
        }
    }

    fn sweep(&mut self) {
        if !self.database || self.rules == Rules::NoSweeper {
            return;
        }
        for index in 0..self.jobs.len() {
            if self.jobs[index].standing.is_adrift() {
                let before = self.jobs[index].standing.status;
                if self.jobs[index].standing.lapse() == Lapse::Requeued {
                    self.jobs[index].last_step = self.jobs[index].checkpoint;
                }
                self.tally.lapses += 1;
                self.look_at(index, before, false);
            }
        }
    }

    fn command(&mut self, index: usize, command: Command) {
        if !self.database {
            return;
        }
        let before = self.jobs[index].standing.status;
        if let Ok(applied) = self.jobs[index].standing.apply(command) {
            if command == Command::Extend {
                self.jobs[index].steps += STEPS;
            }
            if applied == gand::job::schedule::Applied::Requeued {
                self.jobs[index].queued_at = self.now;
            }
            self.look_at(index, before, command == Command::Extend);
        }
    }

    /// After every move of a job: its owner is gone from the books when nobody holds it, and it ends once.
    fn look_at(&mut self, index: usize, before: Status, extended: bool) {
        let job = &mut self.jobs[index];
        let after = job.standing.status;
        if !after.is_leased() {
            job.holder = None;
        }
        if extended {
            job.ends = 0;
        } else if before.is_terminal() && after != before {
            self.violated(Violation::LeftItsEnd);
            return;
        }
        let job = &mut self.jobs[index];
        if after.is_terminal() && !before.is_terminal() {
            job.ends += 1;
            self.tally.ended += 1;
            if job.ends > 1 {
                self.violated(Violation::EndedTwice);
            }
        }
    }

    /// Faults end; processes work and sweep as they do. Everything that is not paused must come to its one end.
    fn come_to_rest(&mut self) {
        self.database = true;
        for process in &mut self.processes {
            process.sleeps = false;
            process.runs.iter_mut().flatten().for_each(|run| run.hangs = false);
        }
        for round in 0..PATIENCE {
            if self.jobs.iter().all(|job| job.standing.status.is_terminal() || job.standing.status == Status::Paused) {
                return;
            }
            for process in 0..PROCESSES {
                self.claim(process);
                for slot in 0..SLOTS {
                    self.renew(process, slot);
                    self.train(process, slot, false);
                }
            }
            // Those that were lost hold nobody up for longer than a lease.
            self.pass(LEASE / 2);
            if round % 2 == 0 {
                self.sweep();
            }
            if self.violation.is_some() {
                return;
            }
        }
        self.violated(Violation::NeverEnded);
    }
}
