//! The report's words, in the languages of its readers.

use crate::dataset::Script;
use crate::retrieval::{GroupName, Method, Paired};

/// The words of one language.
pub struct Words {
    pub language: &'static str,
    pub base: &'static str,
    pub tuned: &'static str,
    pub metric: &'static str,
    pub change: &'static str,
    pub change_note: &'static str,
    pub interval: &'static str,
    pub better: &'static str,
    pub worse: &'static str,
    pub equal: &'static str,
    pub models: &'static str,
    pub model: &'static str,
    pub folder: &'static str,
    pub fingerprint: &'static str,
    pub questions: &'static str,
    pub question: &'static str,
    pub corpus: &'static str,
    pub passages: &'static str,
    pub data: &'static str,
    pub method: &'static str,
    pub made: &'static str,
    pub groups: &'static str,
    pub group: &'static str,
    pub count: &'static str,
    pub moved: &'static str,
    pub moved_note: &'static str,
    pub rank: &'static str,
    pub gain: &'static str,
    pub nothing_moved: &'static str,
    pub curves: &'static str,
    pub configuration: &'static str,
    pub step: &'static str,
    chinese: bool,
}

impl Words {
    pub const ENGLISH: Self = Self {
        language: "en",
        base: "base",
        tuned: "tuned",
        metric: "metric",
        change: "change",
        change_note: "Changes are in points of a hundred. The interval holds 95 of 100 resamplings of the questions; \
            p is that of a paired randomization test.",
        interval: "95 % interval",
        better: "better",
        worse: "worse",
        equal: "equal",
        models: "Models",
        model: "model",
        folder: "folder",
        fingerprint: "fingerprint",
        questions: "questions",
        question: "question",
        corpus: "corpus",
        passages: "passages",
        data: "Data",
        method: "method",
        made: "made",
        groups: "By topic, language and length",
        group: "group",
        count: "questions",
        moved: "Gains and losses",
        moved_note: "Rank of the first right passage; – where it is not among those looked at. \
            Gain is 1 / new rank − 1 / old rank.",
        rank: "rank",
        gain: "gain",
        nothing_moved: "Every question's first right passage kept its rank.",
        curves: "Training",
        configuration: "Configuration",
        step: "step",
        chinese: false,
    };

    pub const CHINESE: Self = Self {
        language: "zh-CN",
        base: "基础模型",
        tuned: "微调模型",
        metric: "指标",
        change: "变化",
        change_note: "变化以百分点计。区间包含 100 次重抽样中的 95 次；p 值来自配对随机化检验。",
        interval: "95% 置信区间",
        better: "变好",
        worse: "变差",
        equal: "不变",
        models: "模型",
        model: "模型",
        folder: "文件夹",
        fingerprint: "指纹",
        questions: "问题",
        question: "问题",
        corpus: "语料库",
        passages: "段落",
        data: "数据",
        method: "检索方式",
        made: "生成时间",
        groups: "按主题、语言和长度",
        group: "分组",
        count: "问题数",
        moved: "进步与退步",
        moved_note: "首个正确段落的名次；– 表示不在所看名次之内。得分变化为 1/新名次 − 1/旧名次。",
        rank: "名次",
        gain: "得分变化",
        nothing_moved: "每个问题首个正确段落的名次都没有变化。",
        curves: "训练过程",
        configuration: "训练配置",
        step: "步数",
        chinese: true,
    };

    /// How a method of search is called.
    pub fn method_name(&self, method: Method) -> &'static str {
        match (method, self.chinese) {
            (Method::Dense, false) => "dense search",
            (Method::Sparse, false) => "sparse search",
            (Method::Colbert, false) => "ColBERT search",
            (Method::Hybrid(_), false) => "hybrid search",
            (Method::Dense, true) => "稠密检索",
            (Method::Sparse, true) => "稀疏检索",
            (Method::Colbert, true) => "ColBERT 检索",
            (Method::Hybrid(_), true) => "混合检索",
        }
    }

    pub(super) fn group_name(&self, name: &GroupName) -> String {
        if !self.chinese {
            return name.to_string();
        }
        match name {
            GroupName::Topic(topic) => topic.clone(),
            GroupName::Language(Script::Chinese) => "中文".into(),
            GroupName::Language(Script::Latin) => "拉丁字母".into(),
            GroupName::Language(Script::Mixed) => "混合".into(),
            GroupName::Language(Script::Other) => "其他".into(),
            GroupName::Length(from, Some(to)) => format!("{from} 至 {to} 字"),
            GroupName::Length(from, None) => format!("{from} 字及以上"),
        }
    }
}

/// As `0.042`, with two digits that count.
pub fn p_value(p: f64) -> String {
    match p {
        p if p < 0.001 => "< 0.001".into(),
        p if p < 0.01 => format!("{p:.4}"),
        p if p < 0.1 => format!("{p:.3}"),
        p => format!("{p:.2}"),
    }
}

/// A finding in plain words: "7 questions better, 2 worse, the rest equal; p = 0.04".
pub fn in_words(paired: &Paired, words: &Words) -> String {
    let Paired { better, worse, equal, p, .. } = paired;
    let p = p_value(*p);
    let p = if p.starts_with('<') { format!("p {p}") } else { format!("p = {p}") };
    if words.chinese {
        return format!("{better} 个问题变好，{worse} 个变差，其余 {equal} 个不变；{p}");
    }
    let questions = if *better == 1 { "question" } else { "questions" };
    format!("{better} {questions} better, {worse} worse, the rest ({equal}) equal; {p}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_reads_as_a_sentence() {
        let paired = Paired { better: 7, worse: 2, equal: 31, p: 0.0421, ..Paired::default() };
        assert_eq!(in_words(&paired, &Words::ENGLISH), "7 questions better, 2 worse, the rest (31) equal; p = 0.042");
        assert_eq!(in_words(&paired, &Words::CHINESE), "7 个问题变好，2 个变差，其余 31 个不变；p = 0.042");
        assert_eq!(
            in_words(&Paired { better: 1, p: 1e-5, ..paired }, &Words::ENGLISH),
            "1 question better, 2 worse, the rest (31) equal; p < 0.001"
        );
        assert_eq!(p_value(0.5), "0.50");
    }
}
