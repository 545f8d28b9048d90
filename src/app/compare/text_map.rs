//! Passages and questions as points: where they are, what they are coloured by, which of them are chosen.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::cloud::{CHOSEN, COLOURS, Cloud, FAINT, PlaneView, QUESTION};
use super::state::Evaluation;
use crate::dataset::Script;
use crate::jobs::compare::EvaluationSet;
use crate::jobs::map::{Laid, MOST_NEIGHBOURLY, Planes};
use crate::jobs::{Failure, Job, JobHandle, Status};
use crate::retrieval::projection::Place;

/// The group of what belongs to no other.
const REST: usize = COLOURS - 1;
/// Topics with a colour of their own.
const NAMED: usize = 6;

/// How the plane is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    #[default]
    Components,
    Neighbours,
}

/// What a colour means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColourBy {
    #[default]
    Kind,
    Topic,
    Language,
    /// What became of a question's right passage.
    RankChange,
}

impl ColourBy {
    pub const ALL: [Self; 4] = [Self::Kind, Self::Topic, Self::Language, Self::RankChange];

    pub fn key(self) -> &'static str {
        match self {
            Self::Kind => "points_by_kind",
            Self::Topic => "points_by_topic",
            Self::Language => "points_by_language",
            Self::RankChange => "points_by_rank",
        }
    }
}

/// What the points of a colour have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// As the data say it.
    Topic(String),
    /// A text of the program.
    Key(&'static str),
}

/// The points of one colour.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    pub name: Name,
    /// The place of its colour.
    pub colour: usize,
    pub count: usize,
}

/// What the user asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum PointsAction {
    LayOut,
    Cancel,
    Choose(Layout),
    /// From 0, the base model, to 1, the tuned one.
    SetShare(f32),
    ColourBy(ColourBy),
    /// Only this colour, or all again.
    Isolate(Option<usize>),
    /// Whether dragging draws a lasso.
    Lassoing(bool),
    SetView(PlaneView),
    Hover(Option<usize>),
    /// The line so far.
    Draw(Vec<Place>),
    /// The line is closed.
    CloseLasso,
    Unchoose,
    ShowRows,
}

/// What is laid out.
struct Texts {
    models: Vec<PathBuf>,
    set: EvaluationSet,
}

#[derive(Default)]
pub struct TextMap {
    laying: Option<(Job<Laid>, Texts)>,
    nearing: Option<Job<Planes>>,
    texts: Option<Texts>,
    /// Of each layout, the base model's places first.
    planes: [Option<Planes>; 2],
    pub layout: Layout,
    /// Which of the tuned models.
    tuned: usize,
    pub share: f32,
    pub colour_by: ColourBy,
    pub isolated: Option<usize>,
    pub is_lassoing: bool,
    pub view: Option<PlaneView>,
    pub lasso: Vec<Place>,
    pub hovered: Option<usize>,
    /// Points inside the last lasso, ascending.
    pub chosen: Vec<usize>,
    groups: Vec<Group>,
    /// The colour of each point.
    colours: Vec<u8>,
    /// What is painted.
    painted: Option<(Arc<Cloud>, Arc<Vec<u32>>)>,
}

impl TextMap {
    pub fn begin(&mut self, job: Job<Laid>, models: Vec<PathBuf>, set: EvaluationSet) {
        self.cancel();
        self.laying = Some((job, Texts { models, set }));
    }

    pub fn cancel(&mut self) {
        if let Some((job, _)) = &self.laying {
            job.cancel();
        }
        if let Some(job) = &self.nearing {
            job.cancel();
        }
    }

    /// What is being worked at, or how the last work ended.
    pub fn job(&self) -> Option<&JobHandle> {
        let laying = self.laying.as_ref().map(|(job, _)| &**job);
        let nearing = self.nearing.as_deref();
        let is_over = |job: &&JobHandle| job.status().is_over();
        laying.filter(|job| !is_over(job)).or(nearing).or(laying)
    }

    pub fn is_working(&self) -> bool {
        self.job().is_some_and(|job| !job.status().is_over())
    }

    /// Takes what the jobs have sent. What has been laid out is returned, to be laid out by its neighbours too.
    pub fn drain(&mut self) -> Option<Laid> {
        let laid = self.laying.as_ref().and_then(|(job, _)| job.poll().pop());
        if let Some(laid) = &laid {
            self.texts = self.laying.take().map(|(_, texts)| texts);
            self.planes = [Some(laid.planes.clone()), None];
            (self.layout, self.share, self.view, self.isolated) = (Layout::Components, 0.0, None, None);
            (self.chosen, self.lasso, self.hovered) = (Vec::new(), Vec::new(), None);
            self.painted = None;
            self.colours.clear();
        }
        if let Some(planes) = self.nearing.as_ref().and_then(|job| job.poll().pop()) {
            self.planes[1] = Some(planes);
        }
        laid.filter(|laid| laid.vectors.iter().all(|vectors| vectors.rows <= MOST_NEIGHBOURLY))
    }

    pub fn near(&mut self, job: Job<Planes>) {
        self.nearing = Some(job);
    }

    pub fn has(&self, layout: Layout) -> bool {
        self.planes[layout as usize].is_some()
    }

    /// Why the last work broke off.
    pub fn failed(&self) -> Option<Failure> {
        match self.job()?.status() {
            Status::Failed(failure) => Some(failure),
            _ => None,
        }
    }

    pub fn is_laid(&self) -> bool {
        self.texts.is_some()
    }

    pub fn models(&self) -> &[PathBuf] {
        self.texts.as_ref().map_or(&[], |texts| &texts.models)
    }

    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The text of a point.
    pub fn text(&self, point: usize) -> Option<&str> {
        let set = &self.texts.as_ref()?.set;
        let passages = set.corpus.passages();
        match passages.get(point) {
            Some(passage) => Some(&passage.text),
            None => Some(&set.questions.get(point - passages.len())?.text),
        }
    }

    /// Whether a point is a question, by its number among them.
    pub fn question(&self, point: usize) -> Option<usize> {
        let set = &self.texts.as_ref()?.set;
        point.checked_sub(set.corpus.passages().len()).filter(|question| *question < set.questions.len())
    }

    pub fn name_of(&self, point: usize) -> Option<&Name> {
        let colour = usize::from(*self.colours.get(point)?);
        self.groups.iter().find(|group| group.colour == colour).map(|group| &group.name)
    }

    /// The chosen texts; passages and questions are counted.
    pub fn chosen_texts(&self) -> (HashSet<String>, [usize; 2]) {
        let questions = self.chosen.iter().filter(|point| self.question(**point).is_some()).count();
        let texts = self.chosen.iter().filter_map(|point| self.text(*point)).map(str::to_owned).collect();
        (texts, [self.chosen.len() - questions, questions])
    }

    /// Chooses what the lasso holds.
    pub fn close_lasso(&mut self) {
        let lasso = std::mem::take(&mut self.lasso);
        if let Some((cloud, looks)) = &self.painted {
            self.chosen = cloud.inside(looks, &lasso, self.share);
        }
        self.repaint();
    }

    pub fn unchoose(&mut self) {
        self.chosen.clear();
        self.repaint();
    }

    pub fn isolate(&mut self, colour: Option<usize>) {
        self.isolated = colour;
        self.repaint();
    }

    pub fn colour_by(&mut self, colour_by: ColourBy) {
        (self.colour_by, self.isolated) = (colour_by, None);
        self.colours.clear();
        self.repaint();
    }

    pub fn choose(&mut self, layout: Layout) {
        (self.layout, self.view, self.painted) = (layout, None, None);
    }

    /// An evaluation has ended: what became of the questions may have changed.
    pub fn judge_anew(&mut self) {
        self.colours.clear();
        self.repaint();
    }

    /// Looks are made anew; the places stay.
    fn repaint(&mut self) {
        if let Some((cloud, _)) = self.painted.take() {
            self.painted = Some((cloud, Arc::new(Vec::new())));
        }
    }

    /// What is to be painted of this tuned model (0 is the first); made when it is first asked for.
    pub fn prepare(&mut self, tuned: usize, evaluation: Option<&Evaluation>) {
        if self.tuned != tuned {
            (self.tuned, self.painted) = (tuned, None);
            self.colours.clear();
        }
        let Some(planes) = &self.planes[self.layout as usize] else { return };
        let Some(first) = planes.first() else { return };
        let cloud = match &self.painted {
            Some((cloud, _)) => cloud.clone(),
            None => Cloud::new(first, planes.get(tuned + 1)),
        };
        let is_ready = |looks: &Arc<Vec<u32>>| looks.len() == cloud.places.len() && !self.colours.is_empty();
        if self.painted.as_ref().is_some_and(|(old, looks)| Arc::ptr_eq(old, &cloud) && is_ready(looks)) {
            return;
        }
        if self.colours.len() != cloud.places.len() {
            self.sort(tuned, evaluation);
        }
        let mut looks: Vec<u32> = self.colours.iter().map(|colour| u32::from(*colour)).collect();
        let passages = self.texts.as_ref().map_or(0, |texts| texts.set.corpus.passages().len());
        looks.iter_mut().skip(passages).for_each(|look| *look |= QUESTION);
        if let Some(isolated) = self.isolated {
            let others = looks.iter_mut().filter(|look| **look as usize % COLOURS != isolated);
            others.for_each(|look| *look |= FAINT);
        }
        self.chosen.iter().for_each(|point| looks[*point] |= CHOSEN);
        self.painted = Some((cloud, Arc::new(looks)));
    }

    pub fn painted(&self) -> Option<&(Arc<Cloud>, Arc<Vec<u32>>)> {
        self.painted.as_ref()
    }

    /// Gives every point its group.
    fn sort(&mut self, tuned: usize, evaluation: Option<&Evaluation>) {
        let Some(Texts { set, .. }) = &self.texts else { return };
        let (passages, questions) = (set.corpus.passages(), &set.questions);
        let texts = || {
            let passages = passages.iter().map(|passage| passage.text.as_str());
            passages.chain(questions.iter().map(|question| question.text.as_str()))
        };
        let kind = |question: bool| Name::Key(if question { "points_questions" } else { "points_passages" });
        let kinds = || passages.iter().map(|_| false).chain(questions.iter().map(|_| true));
        let names: Vec<Option<Name>> = match self.colour_by {
            ColourBy::Kind => kinds().map(|question| Some(kind(question))).collect(),
            ColourBy::Topic => topics(set),
            ColourBy::Language => texts().map(|text| Some(Name::Key(script_key(Script::of(text))))).collect(),
            ColourBy::RankChange => {
                let ranks = evaluation.and_then(|evaluation| {
                    let judged =
                        evaluation.sets.iter().find(|judged| Arc::ptr_eq(&judged.source.set.questions, questions))?;
                    let ranks = &judged.comparison.ranks;
                    Some((ranks.first()?, ranks.get(tuned + 1)?))
                });
                let change = |question: usize| {
                    let (before, after) = ranks?;
                    let place = |rank: Option<usize>| rank.unwrap_or(usize::MAX);
                    Some(Name::Key(match place(*after.get(question)?).cmp(&place(*before.get(question)?)) {
                        std::cmp::Ordering::Less => "points_better",
                        std::cmp::Ordering::Greater => "points_worse",
                        std::cmp::Ordering::Equal => "points_equal",
                    }))
                };
                passages.iter().map(|_| None).chain((0..questions.len()).map(change)).collect()
            }
        };
        let rest = if self.colour_by == ColourBy::RankChange { "points_passages" } else { "points_rest" };
        (self.groups, self.colours) = group(&names, rest);
    }
}

/// Colours for the most frequent names; the rest share one.
fn group(names: &[Option<Name>], rest: &'static str) -> (Vec<Group>, Vec<u8>) {
    let mut counts: BTreeMap<&Name, usize> = BTreeMap::new();
    names.iter().flatten().for_each(|name| *counts.entry(name).or_default() += 1);
    let mut counts: Vec<(&Name, usize)> = counts.into_iter().collect();
    counts.sort_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(other.0)));
    counts.truncate(NAMED);
    let mut groups: Vec<Group> = counts
        .iter()
        .enumerate()
        .map(|(place, (name, count))| {
            // Better and worse keep their colours, however many there are of them.
            let colour = match name {
                Name::Key("points_better") => 0,
                Name::Key("points_worse") => 1,
                Name::Key("points_equal") => 2,
                _ => place,
            };
            Group { name: (*name).clone(), colour, count: *count }
        })
        .collect();
    let colour_of: BTreeMap<&Name, usize> = groups.iter().map(|group| (&group.name, group.colour)).collect();
    let colours: Vec<u8> = names
        .iter()
        .map(|name| name.as_ref().and_then(|name| colour_of.get(name)).copied().unwrap_or(REST) as u8)
        .collect();
    let others = colours.iter().filter(|colour| usize::from(**colour) == REST).count();
    if others > 0 {
        groups.push(Group { name: Name::Key(rest), colour: REST, count: others });
    }
    (groups, colours)
}

/// Of passages as they have one, or as the first question has that they answer.
fn topics(set: &EvaluationSet) -> Vec<Option<Name>> {
    let main = |topic: &str| {
        let main = topic.split(['.', '/']).next().unwrap_or_default().trim();
        (!main.is_empty()).then(|| Name::Topic(main.to_owned()))
    };
    let passages = set.corpus.passages().iter();
    let mut names: Vec<Option<Name>> = passages.map(|passage| main(passage.other.get("topic")?.as_str()?)).collect();
    for question in set.questions.iter() {
        let name = question.topic.as_deref().and_then(main);
        for passage in &question.relevant {
            if let Some(passage) = names.get_mut(*passage).filter(|passage| passage.is_none()) {
                passage.clone_from(&name);
            }
        }
    }
    names.extend(set.questions.iter().map(|question| question.topic.as_deref().and_then(main)));
    names
}

fn script_key(script: Script) -> &'static str {
    match script {
        Script::Chinese => "script_chinese",
        Script::Latin => "script_latin",
        Script::Mixed => "script_mixed",
        Script::Other => "script_other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Corpus;
    use crate::jobs::compare::Question;

    #[test]
    fn the_most_frequent_names_have_colours_and_the_rest_share_one() {
        let topic = |name: &str| Some(Name::Topic(name.to_owned()));
        let mut names = vec![topic("crack"); 3];
        names.extend(["a", "b", "c", "d", "e", "f", "g"].map(topic));
        names.push(None);
        let (groups, colours) = group(&names, "points_rest");
        assert_eq!(
            (groups[0].name.clone(), groups[0].count, groups.len()),
            (Name::Topic("crack".into()), 3, NAMED + 1)
        );
        assert_eq!(groups[NAMED], Group { name: Name::Key("points_rest"), colour: REST, count: 3 });
        assert_eq!(colours, [0, 0, 0, 1, 2, 3, 4, 5, 7, 7, 7]);
        let (groups, colours) = group(&[Some(Name::Key("points_worse")), None], "points_passages");
        assert_eq!((groups[0].colour, colours), (1, vec![1, 7]));
    }

    #[test]
    fn passages_take_the_topic_of_what_they_answer() {
        let corpus = Corpus::from_bytes(
            "{\"text\": \"a\", \"topic\": \"crack.hot\"}\n{\"text\": \"b\"}\n{\"text\": \"c\"}".as_bytes(),
        );
        let question = Question { text: "?".into(), relevant: vec![0, 1], topic: Some("shape/undercut".into()) };
        let set = EvaluationSet { corpus: Arc::new(corpus), questions: Arc::new(vec![question]) };
        let topic = |name: &str| Some(Name::Topic(name.to_owned()));
        assert_eq!(topics(&set), [topic("crack"), topic("shape"), None, topic("shape")]);
    }
}
