use chrono::NaiveDate;

use super::*;
use crate::knowledge::{ANSWER_FROM, Asked, Document, Finder, Hit, OFFER_FROM};

/// A vector of its own for each of many documents, and a question that points at one of them.
fn axis(at: usize) -> Vec<f32> {
    let mut vector = vec![0.1; 40];
    vector[at] = 1.0;
    vector
}

fn finder(titles: &[&str]) -> Finder {
    let documents = (0..40).map(|at| Document {
        titles: vec![
            titles
                .get(at)
                .map_or(format!("Иное {at}"), |title| (*title).to_owned()),
        ],
        body: String::new(),
    });
    Finder::new(documents).with_vectors((0..40).map(|at| axis(at).into()).collect())
}

fn search(finder: &Finder, text: &str, near: Option<usize>) -> Vec<Hit> {
    let meaning = near.map(axis);
    let asked = Asked {
        text,
        language: None,
        topics: &[],
        today: NaiveDate::MIN,
        meaning: meaning.as_deref(),
    };
    finder.search(&asked, |_| &[], |_| true)
}

fn answered(hits: &[Hit]) -> Vec<usize> {
    let chosen = crate::knowledge::search::choose(hits, |_| false);
    chosen.iter().map(|hit| hit.document).collect()
}

#[test]
fn what_is_only_near_is_offered_and_never_the_answer() {
    let finder = finder(&["Можно ли прийти с собакой?"]);
    let hits = search(&finder, "пускаете питомцев", Some(0));

    assert_eq!(hits[0].document, 0);
    let confidence = hits[0].confidence;
    assert!(
        (OFFER_FROM..ANSWER_FROM).contains(&confidence),
        "{confidence}"
    );
    assert_eq!(answered(&hits), Vec::<usize>::new());
    let without = search(&finder, "пускаете питомцев", None);
    assert!(without.iter().all(|hit| hit.confidence < OFFER_FROM));
}

#[test]
fn nearness_takes_no_answer_away() {
    let finder = finder(&["Можно ли прийти с собакой?", "Есть ли парковка?"]);
    let known = search(&finder, "есть парковка?", None);

    let hits = search(&finder, "есть парковка?", Some(0));

    assert_eq!((answered(&known), answered(&hits)), (vec![1], vec![1]));
}

#[test]
fn of_two_answers_the_nearer_one_is_given() {
    let finder = finder(&["Есть ли скидка студентам?", "Есть ли скидка пенсионерам?"]);
    for near in [0, 1] {
        let hits = search(&finder, "есть ли скидка", Some(near));
        assert_eq!(answered(&hits), vec![near]);
    }
}

#[test]
fn nothing_is_near_where_nothing_stands_out() {
    let question = axis(0);
    let alike: Vec<Vector> = (0..40).map(|_| axis(1).into()).collect();
    let few: Vec<Vector> = (0..5).map(|at| axis(at).into()).collect();
    let other: Vec<Vector> = (0..40).map(|_| Vector::from([1.0, 0.0])).collect();
    for vectors in [alike, few, other, Vec::new()] {
        let near = nearness(&question, &vectors, |_| true);
        assert!(near.iter().all(|near| *near == 0.0), "{near:?}");
    }
    let vectors: Vec<Vector> = (0..40).map(|at| axis(at).into()).collect();
    let near = nearness(&question, &vectors, |at| at != 0);
    assert!(
        near.iter().all(|near| *near == 0.0),
        "what may not be used is not near"
    );
}
