//! The losses of FlagEmbedding's M3 trainer (Chen et al. 2024, "M3-Embedding").

use burn::tensor::{Bool, Device, Int, Tensor, TensorData, activation};

use super::config::KdLossType;
use super::events::LossParts;

/// Which of a score matrix's columns belong to which query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    pub queries: usize,
    /// Passages of each query, its positive first.
    pub group: usize,
    /// Whether the passages of other queries are negatives too. If not, a matrix has the columns of
    /// the query's own group only.
    pub in_batch: bool,
}

impl Layout {
    fn columns(&self) -> usize {
        if self.in_batch { self.queries * self.group } else { self.group }
    }

    fn first_own(&self, query: usize) -> usize {
        if self.in_batch { query * self.group } else { 0 }
    }

    /// From all queries with all passages, `[queries, queries · group]`, the columns that count.
    pub fn select(&self, scores: Tensor<2>) -> Tensor<2> {
        if self.in_batch {
            return scores;
        }
        let device = scores.device();
        scores.gather(1, Self { in_batch: true, ..*self }.own(&device))
    }

    /// Columns of each query's own group, `[queries, group]`.
    fn own(&self, device: &Device) -> Tensor<2, Int> {
        let columns: Vec<i64> = (0..self.queries)
            .flat_map(|query| (0..self.group).map(move |index| (self.first_own(query) + index) as i64))
            .collect();
        Tensor::from_data(TensorData::new(columns, [self.queries, self.group]), device)
    }
}

/// What a teacher says of each query's passages.
#[derive(Clone, Debug)]
pub struct Teacher {
    /// `[queries, group]`: softmax of the teacher's scores; rows add up to 1.
    pub chances: Tensor<2>,
    pub kind: KdLossType,
}

/// The loss of a score matrix, and the part of it that a teacher gave; each `[1]`.
#[derive(Clone)]
pub struct RankingLoss {
    pub all: Tensor<1>,
    pub teacher: Option<Tensor<1>>,
}

/// The loss of one score matrix `[queries, columns]`: contrastive, with the teacher's part if there is one.
pub fn ranking_loss(scores: Tensor<2>, layout: &Layout, teacher: Option<&Teacher>) -> RankingLoss {
    match teacher {
        None => RankingLoss { all: contrastive(scores, layout), teacher: None },
        Some(Teacher { chances, kind: KdLossType::KlDiv }) => {
            let own = scores.clone().gather(1, layout.own(&scores.device()));
            let distilled = soft_cross_entropy(own, chances.clone());
            RankingLoss { all: distilled.clone() + contrastive(scores, layout), teacher: Some(distilled) }
        }
        Some(Teacher { chances, kind: KdLossType::M3KdLoss }) => {
            let distilled = m3_distillation(scores, layout, chances.clone());
            RankingLoss { all: distilled.clone(), teacher: Some(distilled) }
        }
    }
}

/// Mean cross-entropy of each query's positive (InfoNCE, van den Oord et al. 2018).
fn contrastive(scores: Tensor<2>, layout: &Layout) -> Tensor<1> {
    let device = scores.device();
    let positives: Vec<i64> = (0..layout.queries).map(|query| layout.first_own(query) as i64).collect();
    let positives = Tensor::<2, Int>::from_data(TensorData::new(positives, [layout.queries, 1]), &device);
    activation::log_softmax(scores, 1).gather(1, positives).mean().neg()
}

/// `Σ_k mean_i[t_ik · CE_i^(k)]`: each passage of the group in turn is the target, with the passages
/// before it taken out of the query's row.
fn m3_distillation(scores: Tensor<2>, layout: &Layout, chances: Tensor<2>) -> Tensor<1> {
    let device = scores.device();
    let (queries, group, columns) = (layout.queries, layout.group, layout.columns());
    let mut earlier = vec![false; group * queries * columns];
    let mut targets = Vec::with_capacity(group * queries);
    for target in 0..group {
        for query in 0..queries {
            let own = layout.first_own(query);
            let row = (target * queries + query) * columns + own;
            earlier[row..row + target].fill(true);
            targets.push((own + target) as i64);
        }
    }
    let earlier = Tensor::<3, Bool>::from_data(TensorData::new(earlier, [group, queries, columns]), &device);
    let targets = Tensor::<3, Int>::from_data(TensorData::new(targets, [group, queries, 1]), &device);
    let rows = scores.unsqueeze::<3>().expand([group, queries, columns]).mask_fill(earlier, f32::MIN);
    let losses: Tensor<2> = activation::log_softmax(rows, 2).gather(2, targets).squeeze_dim(2);
    (losses * chances.transpose()).sum().div_scalar(queries as f64).neg()
}

/// `mean_i[-Σ_j t_ij · log softmax(scores)_ij]`. FlagEmbedding calls it kl_div; the teacher's entropy is
/// not subtracted.
fn soft_cross_entropy(scores: Tensor<2>, teacher: Tensor<2>) -> Tensor<1> {
    let [rows, _] = scores.dims();
    (activation::log_softmax(scores, 1) * teacher).sum().div_scalar(rows as f64).neg()
}

/// Mean of `max(0, margin - (positive - negative))` over each query's own negatives (Schroff et al. 2015).
pub fn triplet(scores: Tensor<2>, layout: &Layout, margin: f64) -> Tensor<1> {
    let own = scores.clone().gather(1, layout.own(&scores.device()));
    let positive = own.clone().slice([0..layout.queries, 0..1]);
    let negatives = own.slice([0..layout.queries, 1..layout.group]);
    activation::relu((negatives - positive).add_scalar(margin)).mean()
}

/// The score matrices of a micro-batch, divided by the temperature already.
pub struct Scores {
    pub dense: Tensor<2>,
    /// Of a model with sparse and ColBERT heads.
    pub heads: Option<HeadScores>,
}

pub struct HeadScores {
    pub sparse: Tensor<2>,
    pub colbert: Tensor<2>,
}

/// Losses of a micro-batch, each `[1]`.
pub struct Losses {
    pub total: Tensor<1>,
    pub dense: Tensor<1>,
    pub unified: Option<UnifiedLosses>,
    /// The teacher's part of the total.
    pub knowledge_distill: Option<Tensor<1>>,
}

pub struct UnifiedLosses {
    pub sparse: Tensor<1>,
    pub colbert: Tensor<1>,
    pub ensemble: Tensor<1>,
    pub self_distill: Option<[Tensor<1>; 3]>,
}

/// Weight of the sparse score within the ensemble.
const SPARSE_IN_ENSEMBLE: f64 = 0.3;
/// Weight of the sparse losses.
const SPARSE_LOSS: f64 = 0.1;

/// Dense, sparse, ColBERT and ensemble losses in one, with self-distillation from the ensemble if asked:
/// `(L_d + L_e + 0.1 L_s + L_c) / 4`, and then `(that + (K_d + 0.1 K_s + K_c) / 3) / 2`.
pub fn unified(
    dense: Tensor<2>,
    heads: HeadScores,
    layout: &Layout,
    teacher: Option<&Teacher>,
    self_distill: bool,
) -> Losses {
    let HeadScores { sparse, colbert } = heads;
    let ensemble = dense.clone() + sparse.clone().mul_scalar(SPARSE_IN_ENSEMBLE) + colbert.clone();
    let distilled = self_distill.then(|| {
        let chances = activation::softmax(ensemble.clone().detach(), 1);
        [&dense, &sparse, &colbert].map(|scores| soft_cross_entropy(scores.clone(), chances.clone()))
    });
    let loss = |scores| ranking_loss(scores, layout, teacher);
    let all = [dense, ensemble, sparse, colbert].map(loss);
    let sum = |[dense, ensemble, sparse, colbert]: [Tensor<1>; 4]| {
        (dense + ensemble + sparse.mul_scalar(SPARSE_LOSS) + colbert).div_scalar(4.0)
    };
    let taught: Vec<Tensor<1>> = all.iter().filter_map(|loss| loss.teacher.clone()).collect();
    let mut knowledge_distill = taught.try_into().ok().map(sum);
    let all = all.map(|loss| loss.all);
    let mut total = sum(all.clone());
    if let Some([dense, sparse, colbert]) = &distilled {
        let distilled = dense.clone() + sparse.clone().mul_scalar(SPARSE_LOSS) + colbert.clone();
        total = (total + distilled.div_scalar(3.0)).div_scalar(2.0);
        knowledge_distill = knowledge_distill.map(|part| part.div_scalar(2.0));
    }
    let [dense, ensemble, sparse, colbert] = all;
    let unified = UnifiedLosses { sparse, colbert, ensemble, self_distill: distilled };
    Losses { total, dense, unified: Some(unified), knowledge_distill }
}

impl Losses {
    /// All losses in one tensor, to be read from the device at once; [`parts`](Self::parts) takes them apart.
    ///
    /// The total and the dense part; then sparse, ColBERT and ensemble; then three of self-distillation; and at last
    /// the teacher's part, whose presence shows in the number of values: 3, 6 or 9 instead of 2, 5 or 8.
    pub fn packed(&self) -> Tensor<1> {
        let mut all = vec![self.total.clone(), self.dense.clone()];
        if let Some(unified) = &self.unified {
            all.extend([&unified.sparse, &unified.colbert, &unified.ensemble].map(Tensor::clone));
            all.extend(unified.self_distill.iter().flatten().cloned());
        }
        all.extend(self.knowledge_distill.clone());
        Tensor::cat(all, 0)
    }

    /// What [`packed`](Self::packed) packed.
    pub fn parts(packed: &[f32]) -> LossParts {
        let (knowledge_distill, packed) = match packed {
            [rest @ .., last] if packed.len().is_multiple_of(3) => (Some(f64::from(*last)), rest),
            all => (None, all),
        };
        let at = |index: usize| packed.get(index).copied().map(f64::from);
        LossParts {
            total: at(0).unwrap_or(f64::NAN),
            dense: at(1).unwrap_or(f64::NAN),
            sparse: at(2),
            colbert: at(3),
            ensemble: at(4),
            self_distill_dense: at(5),
            self_distill_sparse: at(6),
            self_distill_colbert: at(7),
            knowledge_distill,
        }
    }
}
