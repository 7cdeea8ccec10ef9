//! Figures held against the budgets of the design, and told at the end.

use serde_json::json;

/// What a figure is held against.
pub struct Budget {
    pub what: &'static str,
    pub bound: Bound,
    pub unit: &'static str,
}

#[derive(Clone, Copy)]
pub enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// Every budget that was looked at.
#[derive(Default)]
pub struct Verdicts(Vec<(bool, String)>);

impl Verdicts {
    /// Holds a figure against its budget; gives the line for programs.
    pub fn judge(&mut self, budget: &Budget, figure: Option<f64>) -> serde_json::Value {
        let Budget { what, bound, unit } = budget;
        let (factor, limit, sort) = match bound {
            Bound::AtMost(most) => (figure.map(|figure| figure / most), most, "at most"),
            Bound::AtLeast(least) => (figure.map(|figure| least / figure), least, "at least"),
        };
        let is_met = factor.is_some_and(|factor| factor <= 1.0);
        let told = match (figure, factor) {
            (Some(figure), Some(factor)) if factor > 1.0 => {
                format!("missed by a factor of {factor:.1}: {} {unit}", shown(figure))
            }
            (Some(figure), _) => format!("met: {} {unit}", shown(figure)),
            (None, _) => "missed: it did not come about".to_owned(),
        };
        let text = format!("{told}, budget {sort} {} {unit}: {what}", shown(*limit));
        let line = json!({
            "type": "budget", "what": what, "met": is_met, "figure": figure, "budget": limit, "unit": unit, "missed_by": factor.filter(|_| !is_met),
        });
        self.0.push((is_met, text));
        line
    }

    /// How many were met, and how many missed.
    pub fn count(&self) -> (usize, usize) {
        let met = self.0.iter().filter(|(is_met, _)| *is_met).count();
        (met, self.0.len() - met)
    }

    /// One sentence each.
    pub fn sentences(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(_, sentence)| sentence.as_str())
    }
}

/// Small figures with more digits.
fn shown(figure: f64) -> String {
    if figure < 1.0 { format!("{figure:.3}") } else { format!("{figure:.1}") }
}
