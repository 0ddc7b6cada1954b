//! `zapis report experiments` and `zapis experiment`: what came of experiments, and how they end.

use anyhow::Context;
use zapis_core::Clock;
use zapis_core::store::{Ended, Store};
use zapis_workers::content::Content;
use zapis_workers::experiments::{Came, Experiments, Tested, Verdict, results};
use zapis_workers::kpi::Follower;
use zapis_workers::kpi::figures::Unit;
use zapis_workers::llm::Prompts;
use zapis_workers::words::Language;

use super::Failure;
use crate::app::desks;
use crate::cli::ExperimentCommand;
use crate::config::Loaded;
use crate::output::{self, Table};

pub(super) async fn report(loaded: &Loaded, store: &Store, json: bool) -> Result<(), Failure> {
    let content = Content::of(&super::files(loaded, store).await?).map_err(Failure::Problems)?;
    let clock = Clock::system();
    let now = clock.now();
    let follower = Follower {
        store: store.clone(),
        desks: desks(&loaded.config),
        clock,
    };
    follower.catch_up().await.context("reading the journal")?;
    let all = results(store, &content, now).await;
    let all = all.context("reading the figures")?;
    if json {
        return Ok(output::json(&all)?);
    }
    if all.is_empty() {
        output::line(
            "There are no experiments: experiments.toml beside business.toml lays them down.",
        );
    }
    all.iter().for_each(tell);
    Ok(())
}

fn tell(tested: &Tested) {
    let state = match &tested.ended_by {
        Some(who) => {
            let control = tested.arms.first().map(|came| came.arm.as_str());
            let arm = tested.keeps.as_deref().or(control).unwrap_or_default();
            format!("ended by {who}, everybody gets {arm}")
        }
        None => tested.state.name().to_owned(),
    };
    let (id, about, goal) = (&tested.id, output::plain(&tested.about), tested.goal.name());
    output::line(format!("{id}: {about} ({state}). {goal} decides."));
    let mut table = Table::new(&[
        "arm",
        "dialogues",
        "customers",
        "counted",
        goal,
        "95 %",
        "verdict",
    ]);
    for came in &tested.arms {
        let percent = |value| Unit::Share.told(value, Language::En);
        let interval = came
            .interval
            .map(|(low, high)| format!("{} … {}", percent(low), percent(high)));
        table.row([
            came.arm.clone(),
            came.dialogues.to_string(),
            came.customers.to_string(),
            came.counted.to_string(),
            came.share.map_or_else(|| "–".to_owned(), percent),
            interval.unwrap_or_default(),
            verdict(came),
        ]);
    }
    table.print();
    output::line(format!(
        "The first {} customers of each arm decide.",
        tested.needed
    ));
    if tested.mixed > 0 {
        output::line(format!(
            "{} met several arms and are not counted.",
            tested.mixed
        ));
    }
    if tested.uneven {
        output::line(
            "The arms have other parts of the customers than they should: something is wrong, believe nothing of it.",
        );
    }
    output::line("");
}

fn verdict(came: &Came) -> String {
    let Some(verdict) = came.verdict else {
        return "control".to_owned();
    };
    let [by, low, high] = came.points(Language::En).unwrap_or_default();
    match verdict {
        Verdict::Uneven => "none: the arms are uneven".to_owned(),
        Verdict::Early => format!("too few yet: {} customers are missing", came.missing),
        Verdict::Same => format!("no difference is seen ({low} to {high} points)"),
        Verdict::Better | Verdict::Worse => {
            format!("{} by {by} points ({low} to {high})", verdict.name())
        }
    }
}

/// `zapis experiment …`
pub(super) async fn experiment(loaded: &Loaded, command: ExperimentCommand) -> Result<(), Failure> {
    let store = super::store(loaded).await?;
    let done = does(loaded, &store, command).await;
    store.close().await;
    done
}

async fn does(loaded: &Loaded, store: &Store, command: ExperimentCommand) -> Result<(), Failure> {
    let (who, at) = (super::operator(), Clock::system().now());
    let (changed, told) = match command {
        ExperimentCommand::Stop { id, keep } => {
            let arm = is_known(loaded, store, &id, keep.as_deref()).await?;
            let told = format!("{id}: everybody gets {arm} from now on.");
            let ended = Ended {
                experiment: id,
                keeps: keep,
                who,
                at,
            };
            (store.end_experiment(&ended).await, told)
        }
        ExperimentCommand::Resume { id } => {
            let told = format!("{id} goes on.");
            (store.resume_experiment(&id, &who, at).await, told)
        }
    };
    let changed = changed.context("changing what holds of the experiment")?;
    output::line(if changed {
        told
    } else {
        "Everything is as it was.".to_owned()
    });
    Ok(())
}

/// What everybody will get. A file that is broken keeps nobody from going back to the control.
async fn is_known(
    loaded: &Loaded,
    store: &Store,
    id: &str,
    keep: Option<&str>,
) -> Result<String, Failure> {
    let files = super::files(loaded, store).await?;
    let prompts = Prompts::load(&loaded.folder.join("prompts"));
    let read = prompts.and_then(|prompts| Experiments::load(&files, &prompts));
    let experiments = match (read, keep) {
        (Ok(experiments), _) => experiments,
        (Err(_), None) => return Ok("the control".to_owned()),
        (Err(problems), Some(_)) => return Err(Failure::Problems(problems)),
    };
    let known = |names: Vec<&str>| names.join(", ");
    let Some(experiment) = experiments.get(id) else {
        let all = known(
            experiments
                .all()
                .iter()
                .map(|one| one.id.as_str())
                .collect(),
        );
        return Err(Failure::Usage(format!(
            "there is no experiment `{id}`: {all}"
        )));
    };
    let arms: Vec<&str> = experiment.arms.iter().map(|arm| arm.id.as_str()).collect();
    match keep {
        None => Ok("the control".to_owned()),
        Some(arm) if arms.contains(&arm) => Ok(arm.to_owned()),
        Some(arm) => {
            let why = format!("`{id}` has no arm `{arm}`: {}", known(arms));
            Err(Failure::Usage(why))
        }
    }
}
