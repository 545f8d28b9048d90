//! The numbers themselves, as RFC 4180 has them: one line a step or evaluation.

use super::super::curves::{Curves, Table};
use crate::report::cell;

pub fn csv(runs: &[(String, Curves)]) -> String {
    let mut columns: Vec<&str> = Vec::new();
    for table in runs.iter().map(|(_, curves)| &curves.steps).chain(runs.iter().map(|(_, curves)| &curves.evaluations))
    {
        for series in &table.series {
            if !columns.contains(&series.name.as_str()) {
                columns.push(&series.name);
            }
        }
    }
    let mut text = String::from("run,step,epoch,seconds");
    columns.iter().for_each(|column| text.extend([",", &cell(column)]));
    text.push('\n');
    for (name, curves) in runs {
        let tables: [&Table; 2] = [&curves.steps, &curves.evaluations];
        let mut places: Vec<(usize, usize, usize)> = Vec::new();
        for (table, of) in tables.iter().enumerate() {
            places.extend(of.marks.iter().enumerate().map(|(row, mark)| (mark.step, table, row)));
        }
        places.sort_unstable();
        for (step, table, row) in places {
            let table = tables[table];
            let mark = &table.marks[row];
            text += &format!("{},{step},{},{}", cell(name), mark.epoch, mark.time);
            for column in &columns {
                let value = table.series.iter().find(|series| series.name == *column).map(|series| series.values[row]);
                text.push(',');
                if let Some(value) = value.filter(|value| !value.is_nan()) {
                    text += &value.to_string();
                }
            }
            text.push('\n');
        }
    }
    text
}
