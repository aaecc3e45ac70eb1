//! Results of unit tests as they stand in a data file.

use serde::{Deserialize, Serialize};

use crate::model::{Problem, TestCase, TestEnd, TestSuite};

/// The tests of one program on one target.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SuiteDto {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    ended: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    millis: Option<u64>,
    cases: Vec<CaseDto>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    output: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseDto {
    class: String,
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    millis: Option<u64>,
    end: EndDto,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum EndDto {
    Passed,
    /// kind, message, traceback
    Failed(String, String, String),
    Error(String, String, String),
    Skipped(String),
}

pub(super) fn suite_to_dto(suite: &TestSuite) -> SuiteDto {
    SuiteDto {
        name: suite.name.clone(),
        target: suite.target.clone(),
        ended: suite.ended,
        millis: suite.millis,
        cases: suite.cases.iter().map(case_to_dto).collect(),
        output: suite.output.clone(),
    }
}

fn case_to_dto(case: &TestCase) -> CaseDto {
    let of = |p: &Problem| (p.kind.clone(), p.message.clone(), p.trace.clone());
    let end = match &case.end {
        TestEnd::Passed => EndDto::Passed,
        TestEnd::Failed(problem) => {
            let (kind, message, trace) = of(problem);
            EndDto::Failed(kind, message, trace)
        }
        TestEnd::Error(problem) => {
            let (kind, message, trace) = of(problem);
            EndDto::Error(kind, message, trace)
        }
        TestEnd::Skipped { reason } => EndDto::Skipped(reason.clone()),
    };
    CaseDto { class: case.class.clone(), name: case.name.clone(), millis: case.millis, end }
}

pub(super) fn suite_from_dto(dto: SuiteDto) -> TestSuite {
    TestSuite {
        name: dto.name,
        target: dto.target,
        ended: dto.ended,
        millis: dto.millis,
        cases: dto.cases.into_iter().map(case_from_dto).collect(),
        output: dto.output,
    }
}

fn case_from_dto(dto: CaseDto) -> TestCase {
    let problem = |kind, message, trace| Problem { kind, message, trace };
    let end = match dto.end {
        EndDto::Passed => TestEnd::Passed,
        EndDto::Failed(kind, message, trace) => TestEnd::Failed(problem(kind, message, trace)),
        EndDto::Error(kind, message, trace) => TestEnd::Error(problem(kind, message, trace)),
        EndDto::Skipped(reason) => TestEnd::Skipped { reason },
    };
    TestCase { class: dto.class, name: dto.name, millis: dto.millis, end }
}
