//! Which hit table a sensor is in, and at which index.
//!
//! MicroPython has an instruction of a byte for each integer from -16 to 47; others take two bytes or three,
//! and more time. So the sensors of a file are shared out to tables that such indices reach, the last ones from
//! the end. All sensors that a function fires are in one table, as a function has one alias.

use std::ops::RangeInclusive;

use crate::model::SensorId;
use crate::plan::marks::{Action, DecisionMark, FrameKind, Plan, Rewrite, Unfolded, ValueStep};

/// The hit tables of a file: which sensors each has.
#[derive(Clone, Debug)]
pub(super) struct Windows {
    /// The first sensor of each table, ascending, and behind them the number of sensors.
    bounds: Vec<u32>,
    /// The table of each frame, if it fires anything.
    frames: Vec<Option<usize>>,
}

impl Windows {
    /// So many indices from the start are short.
    const FROM_START: u32 = 48;
    /// And so many from the end.
    const FROM_END: u32 = 16;
    /// A table of this size has short indices only.
    const SHORT: u32 = Self::FROM_START + Self::FROM_END;

    /// Shares out the sensors of a plan. Firmware without `:=` gets one table: its boards are small, and a table
    /// costs more there than what long indices cost.
    pub(super) fn of(plan: &Plan) -> Self {
        let count = plan.map.sensor_count;
        let ranges = ranges(plan);
        let mut bounds = vec![0];
        if plan.walrus {
            let functions = || {
                let kinds = plan.frames.iter().map(|frame| frame.kind);
                let own = ranges.iter().zip(kinds);
                own.filter(|(_, kind)| matches!(kind, FrameKind::Function | FrameKind::Viper))
                    .filter_map(|(range, _)| range.clone())
            };
            let mut inside = vec![false; count as usize + 1];
            for range in functions() {
                let (first, last) = range.into_inner();
                inside[first as usize + 1..=last as usize].fill(true);
            }
            let cuts = (1..=count).filter(|at| !inside[*at as usize]);
            let mut last = 0;
            for cut in cuts {
                let start = bounds[bounds.len() - 1];
                if cut - start > Self::SHORT && last > start {
                    bounds.push(last);
                }
                last = cut;
            }
        }
        bounds.push(count);
        let mut windows = Self { bounds, frames: Vec::new() };
        let table = |range: &RangeInclusive<u32>| windows.window(SensorId(*range.start()));
        windows.frames = ranges.iter().map(|range| range.as_ref().map(table)).collect();
        windows
    }

    /// The number of sensors in each table.
    pub(super) fn sizes(&self) -> impl Iterator<Item = u32> {
        self.bounds.windows(2).map(|pair| pair[1] - pair[0])
    }

    /// The table of a sensor.
    pub(super) fn window(&self, sensor: SensorId) -> usize {
        self.bounds.partition_point(|bound| *bound <= sensor.0) - 1
    }

    /// The table of what a function fires.
    ///
    /// # Panics
    /// If it fires nothing.
    pub(super) fn of_frame(&self, frame: usize) -> usize {
        self.frames[frame].expect("only code that fires asks for its table")
    }

    /// The index of a sensor in its table, the shortest one there is.
    pub(super) fn index(&self, sensor: SensorId) -> i64 {
        let (index, size) = self.place(sensor);
        let from_end = index - size;
        let short = from_end >= -i64::from(Self::FROM_END);
        if index >= i64::from(Self::FROM_START) && short { from_end } else { index }
    }

    /// An index of a sensor that is not 0, for notes that have to be true.
    pub(super) fn true_index(&self, sensor: SensorId) -> i64 {
        match (self.index(sensor), self.place(sensor)) {
            (0, (_, size)) => -size,
            (index, _) => index,
        }
    }

    fn place(&self, sensor: SensorId) -> (i64, i64) {
        let window = self.window(sensor);
        let (start, end) = (self.bounds[window], self.bounds[window + 1]);
        (i64::from(sensor.0 - start), i64::from(end - start))
    }
}

/// The first and the last sensor that each frame fires.
fn ranges(plan: &Plan) -> Vec<Option<RangeInclusive<u32>>> {
    let mut ranges: Vec<Option<RangeInclusive<u32>>> = vec![None; plan.frames.len()];
    let mut add = |frame: usize, sensor: SensorId| {
        let (first, last) =
            ranges[frame].clone().map_or((sensor.0, sensor.0), RangeInclusive::into_inner);
        ranges[frame] = Some(first.min(sensor.0)..=last.max(sensor.0));
    };
    for mark in &plan.points {
        mark.actions
            .iter()
            .filter_map(|action| action.sensor())
            .for_each(|sensor| add(mark.frame.0, sensor));
    }
    for mark in &plan.elses {
        add(mark.frame.0, mark.sensor);
    }
    for mark in &plan.decisions {
        for_each_sensor(mark, &mut |sensor| add(mark.frame.0, sensor));
    }
    ranges
}

fn for_each_sensor(mark: &DecisionMark, f: &mut impl FnMut(SensorId)) {
    match &mark.rewrite {
        Rewrite::Edges(edges) => edges.iter().filter_map(|edge| edge.action.sensor()).for_each(f),
        Rewrite::Unfold(tree) => unfolded(tree, f),
        Rewrite::Outcomes(pairs) => pairs.iter().for_each(|(on_true, on_false)| {
            f(*on_true);
            f(*on_false);
        }),
        Rewrite::Value(step) => valued(step, f),
        Rewrite::Boxes(boxes) => {
            boxes.tested.iter().for_each(|(_, sensor)| f(*sensor));
            f(boxes.goes_on);
        }
    }
}

fn unfolded(tree: &Unfolded, f: &mut impl FnMut(SensorId)) {
    match tree {
        Unfolded::End { action, .. } => action.and_then(Action::sensor).into_iter().for_each(f),
        Unfolded::Test { if_true, if_false, .. } => {
            unfolded(if_true, f);
            unfolded(if_false, f);
        }
    }
}

fn valued(step: &ValueStep, f: &mut impl FnMut(SensorId)) {
    match step {
        ValueStep::End { sensor, .. } => sensor.iter().for_each(|sensor| f(*sensor)),
        ValueStep::Test { if_true, if_false, .. } => {
            valued(if_true, f);
            valued(if_false, f);
        }
    }
}
