//! One worker thread a device, and the jobs that wait for it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use thread_priority::{ThreadPriority, ThreadPriorityValue, set_current_thread_priority};

use super::job::{self, Job, JobContext, JobHandle};
use super::{Failure, Room};
use crate::compute::{ComputeError, DeviceChoice, DeviceInfo};
use crate::panics::Panic;

type Task = Box<dyn FnOnce(&mut Room) + Send>;

/// All long work of the program. Dropping it cancels what has not ended.
pub struct Jobs {
    /// Where panics are reported.
    reports: Option<PathBuf>,
    gives_way: bool,
    wake: Arc<dyn Fn() + Send + Sync>,
    workers: Mutex<HashMap<DeviceChoice, Sender<Task>>>,
    /// In the order in which they were started; those that are over leave when the next one comes.
    started: Mutex<Vec<JobHandle>>,
}

impl Jobs {
    /// `wake` is called from the workers whenever there is something new to see.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        let (workers, started) = Default::default();
        Self { reports: None, gives_way: false, wake: Arc::new(wake), workers, started }
    }

    /// A panic of a job leaves a report in this folder.
    pub fn reporting_to(mut self, folder: PathBuf) -> Self {
        self.reports = Some(folder);
        self
    }

    /// Workers, and the cores that they share their work with, let a window go first.
    pub fn giving_way(mut self) -> Self {
        self.gives_way = true;
        // The second window of a process, as tests open it, finds them so.
        let _ = rayon::ThreadPoolBuilder::new().start_handler(|_| give_way()).build_global();
        self
    }

    /// Puts work into the queue of a device.
    pub fn start<E: Send + 'static>(
        &self,
        device: &DeviceInfo,
        title: String,
        work: impl FnOnce(&mut Room, &JobContext<E>) -> Result<(), Failure> + Send + 'static,
    ) -> Job<E> {
        let (job, context) = job::pair(device.label(), title, self.reports.clone(), Arc::clone(&self.wake));
        self.remember(job.handle());
        let task: Task = Box::new(move |room| {
            let device = room.device().clone();
            if !job::run(context, |panic| lost(&device, panic), |context| work(room, context)) {
                // What a failure has left half done must not outlive it.
                room.clear();
                device.answers();
            }
        });
        let mut workers = lock(&self.workers);
        let worker = workers.entry(device.choice).or_insert_with(|| worker(device.clone(), self.gives_way));
        // Without a worker the task is dropped here, which ends the job with a failure.
        let _ = worker.send(task);
        job
    }

    /// Begins work that needs no device at once, on a thread of its own.
    pub fn start_beside<E: Send + 'static>(
        &self,
        title: String,
        work: impl FnOnce(&JobContext<E>) -> Result<(), Failure> + Send + 'static,
    ) -> Job<E> {
        let (job, context) = job::pair(String::new(), title, self.reports.clone(), Arc::clone(&self.wake));
        self.remember(job.handle());
        // Without a thread the work is dropped, which ends the job with a failure.
        if let Err(error) = thread::Builder::new().spawn(move || job::run(context, |_| None, work)) {
            tracing::error!("no thread: {error}");
        }
        job
    }

    fn remember(&self, job: JobHandle) {
        let mut started = lock(&self.started);
        started.retain(|job| !job.status().is_over());
        started.push(job);
    }

    /// The jobs that are not over, in the order in which they were started.
    pub fn queue(&self) -> Vec<JobHandle> {
        lock(&self.started).iter().filter(|job| !job.status().is_over()).cloned().collect()
    }

    pub fn cancel_all(&self) {
        self.queue().iter().for_each(JobHandle::cancel);
    }

    /// Cancels everything and waits until the workers have put down what they were doing.
    pub fn shut_down(&self) {
        self.cancel_all();
        for job in self.queue() {
            job.wait();
        }
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        self.cancel_all();
    }
}

/// What a panic comes of if the device is gone; its words may tell of something else.
fn lost(device: &DeviceInfo, panic: &Panic) -> Option<ComputeError> {
    (!device.answers()).then(|| ComputeError::lost(&panic.message))
}

/// Below a window's thread: nice 9 on Linux, below normal on Windows.
const BELOW: u8 = 25;

/// The thread that calls runs when those that people wait for do not.
fn give_way() {
    let below = ThreadPriorityValue::try_from(BELOW).map(ThreadPriority::Crossplatform);
    if let Ok(Err(error)) = below.map(set_current_thread_priority) {
        tracing::debug!("a worker stays as urgent as the window: {error}");
    }
}

/// A thread that works for a device until its sender is gone.
fn worker(device: DeviceInfo, gives_way: bool) -> Sender<Task> {
    let (sender, tasks) = channel::<Task>();
    let name = device.choice.to_string();
    let spawned = thread::Builder::new().name(name).spawn(move || {
        if gives_way {
            give_way();
        }
        let mut room = Room::new(device);
        for task in tasks {
            task(&mut room);
        }
    });
    if let Err(error) = spawned {
        tracing::error!("no thread: {error}");
    }
    sender
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

    use super::*;
    use crate::compute::DeviceKind;
    use crate::jobs::Status;

    fn device(choice: DeviceChoice) -> DeviceInfo {
        DeviceInfo {
            choice,
            name: choice.to_string(),
            kind: DeviceKind::Cpu,
            api: "CPU".into(),
            limits: Default::default(),
        }
    }

    fn cpu() -> DeviceInfo {
        device(DeviceChoice::Cpu)
    }

    /// Work that goes on until it is told to stop.
    fn endless(_: &mut Room, context: &JobContext<usize>) -> Result<(), Failure> {
        let mut rounds = 0;
        while context.ask().is_continue() {
            context.send(rounds);
            rounds += 1;
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    fn until(what: &str, holds: impl Fn() -> bool) {
        let patience = Instant::now() + Duration::from_secs(20);
        while !holds() {
            assert!(Instant::now() < patience, "{what} did not happen");
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn jobs_of_a_device_run_one_after_another_in_their_order() {
        let jobs = Jobs::new(|| ());
        let order = Arc::new(Mutex::new(Vec::new()));
        let inside = Arc::new(AtomicUsize::new(0));
        let all: Vec<_> = (0..8)
            .map(|number| {
                let (order, inside) = (Arc::clone(&order), Arc::clone(&inside));
                jobs.start::<()>(&cpu(), format!("job {number}"), move |_, _| {
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "another job is running");
                    lock(&order).push((number, thread::current().id()));
                    thread::sleep(Duration::from_millis(2));
                    inside.fetch_sub(1, Ordering::SeqCst);
                    Ok(())
                })
            })
            .collect();
        for job in &all {
            assert_eq!(job.wait(), Status::Done);
        }
        let order = lock(&order);
        assert_eq!(order.iter().map(|(number, _)| *number).collect::<Vec<_>>(), (0..8).collect::<Vec<_>>());
        assert!(order.iter().all(|(_, thread)| *thread == order[0].1), "a device's work left its thread");
        assert!(jobs.queue().is_empty());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn workers_give_way_to_a_window_and_to_nothing_else() {
        // The 19th value of a thread's line; its name, in brackets, may have blanks.
        let nice = || {
            let line = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            line.rsplit(')').next().unwrap().split_whitespace().nth(16).unwrap().parse::<i32>().unwrap()
        };
        let of_worker = |jobs: Jobs| {
            let job = jobs.start(&cpu(), "nice".into(), move |_, context| {
                context.send(nice());
                Ok(())
            });
            job.next().unwrap()
        };
        let here = nice();
        assert_eq!(of_worker(Jobs::new(|| ())), here);
        assert!(of_worker(Jobs::new(|| ()).giving_way()) > here.min(8));
        assert_eq!(nice(), here);
    }

    #[test]
    fn devices_work_side_by_side() {
        let jobs = Jobs::new(|| ());
        let one = jobs.start(&cpu(), "one".into(), endless);
        let two = jobs.start(&device(DeviceChoice::Wgpu(Some(0))), "two".into(), endless);
        until("both running", || one.status() == Status::Running && two.status() == Status::Running);
        jobs.shut_down();
        assert_eq!((one.status(), two.status()), (Status::Cancelled, Status::Cancelled));
    }

    #[test]
    fn work_without_a_device_waits_for_none() {
        let jobs = Jobs::new(|| ());
        let busy = jobs.start(&cpu(), "busy".into(), endless);
        let beside = jobs.start_beside::<u8>("beside".into(), |context| {
            context.send(7);
            Ok(())
        });
        assert_eq!((beside.wait(), beside.poll()), (Status::Done, vec![7]));
        assert_eq!(beside.device(), "");
        busy.cancel();
        assert_eq!(busy.wait(), Status::Cancelled);
    }

    #[test]
    fn the_queue_shows_what_waits_and_a_queued_job_is_cancelled_at_once() {
        let jobs = Jobs::new(|| ());
        let first = jobs.start(&cpu(), "first".into(), endless);
        until("the first running", || first.status() == Status::Running);
        let second = jobs.start(&cpu(), "second".into(), |_, context| {
            context.send(1);
            Ok(())
        });
        let third = jobs.start::<()>(&cpu(), "third".into(), |_, _| Ok(()));
        let titles = || jobs.queue().iter().map(|job| job.title().to_owned()).collect::<Vec<_>>();
        assert_eq!(titles(), ["first", "second", "third"]);
        assert_eq!(second.status(), Status::Queued);
        second.cancel();
        assert_eq!(second.status(), Status::Cancelled);
        assert_eq!(second.next(), None);
        assert_eq!(titles(), ["first", "third"]);
        first.cancel();
        assert_eq!((first.wait(), third.wait()), (Status::Cancelled, Status::Done));
        assert!(second.poll().is_empty(), "a cancelled job ran");
    }

    #[test]
    fn a_paused_job_waits_goes_on_and_can_be_cancelled() {
        let jobs = Jobs::new(|| ());
        let job = jobs.start(&cpu(), "endless".into(), endless);
        until("a first event", || !job.poll().is_empty());
        job.pause();
        until("the pause", || job.status() == Status::Paused);
        job.poll();
        let seconds = job.progress().seconds;
        thread::sleep(Duration::from_millis(30));
        assert!(job.poll().is_empty(), "a paused job went on");
        assert_eq!(job.progress().seconds, seconds, "the clock ran in a pause");
        job.resume();
        until("going on", || job.status() == Status::Running && !job.poll().is_empty());
        job.pause();
        until("the second pause", || job.status() == Status::Paused);
        job.cancel();
        assert_eq!(job.wait(), Status::Cancelled);
        job.resume();
        assert_eq!(job.status(), Status::Cancelled);
    }

    #[test]
    fn a_panic_is_a_failure_with_message_and_place_and_the_next_job_runs() {
        let jobs = Jobs::new(|| ());
        let bad = jobs.start::<()>(&cpu(), "bad".into(), |_, _| panic!("row {} is upside down", 7));
        let good = jobs.start::<()>(&cpu(), "good".into(), |_, _| Ok(()));
        let Status::Failed(failure) = bad.wait() else { panic!("{:?}", bad.status()) };
        assert!(failure.why.contains("row 7 is upside down"), "{failure}");
        assert!(failure.why.contains("queue.rs:"), "{failure}");
        assert_eq!(good.wait(), Status::Done);
    }

    #[test]
    fn a_device_that_is_lost_fails_its_job_with_advice_and_the_next_job_gets_it_anew() {
        crate::compute::run_apart("jobs::queue::tests::lose_a_device");
    }

    #[test]
    #[ignore = "a part of the test before, in a process of its own"]
    fn lose_a_device() {
        let card = crate::compute::devices().into_iter().find(|device| device.choice != DeviceChoice::Cpu).unwrap();
        let jobs = Jobs::new(|| ());
        let sums = |rounds: usize| {
            jobs.start(&card, "sums".into(), move |room, context| {
                let device = room.device().open()?;
                for round in 0..rounds {
                    let sum = burn::tensor::Tensor::<1>::ones([4], &device) + round as f32;
                    context.send(crate::model::read(sum)?[0]);
                    if context.ask().is_break() {
                        break;
                    }
                }
                Ok(())
            })
        };
        let first = sums(usize::MAX);
        assert_eq!((first.next(), first.next()), (Some(1.0), Some(2.0)));
        card.lose();
        let Status::Failed(failure) = first.wait() else { panic!("{:?}", first.status()) };
        assert!(failure.why.contains("the device was lost") && failure.what_to_do.contains("checkpoint"), "{failure}");
        let next = sums(2);
        assert_eq!((next.wait(), next.poll()), (Status::Done, vec![1.0, 2.0]));
    }

    #[test]
    fn a_failure_is_told_and_work_that_stops_with_an_error_is_cancelled() {
        let jobs = Jobs::new(|| ());
        let failed = jobs.start::<()>(&cpu(), "fails".into(), |_, _| Err(Failure::new("no rows", "add some")));
        assert_eq!(failed.wait(), Status::Failed(Failure::new("no rows", "add some")));
        let stopped = jobs.start::<()>(&cpu(), "stops".into(), |_, context| {
            while context.ask().is_continue() {
                thread::sleep(Duration::from_millis(1));
            }
            Err(Failure::new("the work was stopped", ""))
        });
        stopped.cancel();
        assert_eq!(stopped.wait(), Status::Cancelled);
    }

    #[test]
    fn all_events_come_in_order_and_each_change_wakes() {
        let wakes = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&wakes);
        let jobs = Jobs::new(move || {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        let job = jobs.start(&cpu(), "counts".into(), |_, context| {
            (0..100).for_each(|number| context.send(number));
            Ok(())
        });
        let events: Vec<_> = std::iter::from_fn(|| job.next()).collect();
        assert_eq!(events, (0..100).collect::<Vec<_>>());
        assert_eq!(job.wait(), Status::Done);
        assert!(wakes.load(Ordering::SeqCst) >= 102);
    }

    #[test]
    fn progress_tells_the_stage_and_how_far_it_is() {
        let jobs = Jobs::new(|| ());
        let job = jobs.start::<()>(&cpu(), "steps".into(), |_, context| {
            context.stage("loading", "files");
            context.progress(3, 3);
            context.stage("training", "steps");
            context.progress(1, 12);
            context.progress(3, 12);
            Ok(())
        });
        assert_eq!(job.wait(), Status::Done);
        let progress = job.progress();
        assert_eq!(
            (progress.done, progress.total, progress.unit, progress.stage.as_str()),
            (3, 12, "steps", "training")
        );
        assert_eq!(progress.fraction(), 0.25);
        assert_eq!(progress.left, None, "a job that is over has no time left");
    }
}
