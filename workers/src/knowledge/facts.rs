//! Entries made from `business.toml`: prices, hours, addresses, people. Always right, because
//! they are the settings themselves.

use super::entry::{Entry, Origin, Source};
use crate::business::{Business, Employee, Location, Service};
use crate::words::Language;

/// How the ids of services begin.
pub(super) const SERVICE: &str = "service:";

/// How people ask for the price of a service and what belongs to it, in Russian and English.
pub(super) const PRICE_WORDS: [&str; 2] = [
    "цена стоимость сколько стоит почем прайс по деньгам обойдется \
     сколько времени по времени длится занимает долго делаете услуга",
    "price cost how much how long duration time takes offer service",
];

/// Every fact in every language.
pub(super) fn entries(business: &Business) -> Vec<Entry> {
    Language::ALL
        .into_iter()
        .flat_map(|language| in_language(business, language))
        .collect()
}

fn in_language(business: &Business, language: Language) -> Vec<Entry> {
    let writer = Writer { business, language };
    let mut entries = Vec::new();
    for service in &business.services {
        entries.push(writer.service(service));
        entries.extend(writer.who(service));
    }
    entries.push(writer.price_list());
    entries.extend(
        business
            .staff
            .iter()
            .map(|employee| writer.employee(employee)),
    );
    entries.extend(writer.team());
    for location in &business.locations {
        entries.push(writer.hours(location));
        entries.push(writer.address(location));
        entries.extend(writer.contacts(location));
        entries.extend(writer.parking(location));
        entries.extend(writer.access(location));
    }
    entries
}

/// Writes facts in one language.
struct Writer<'b> {
    business: &'b Business,
    language: Language,
}

impl<'b> Writer<'b> {
    /// The text of this language.
    fn say<'t>(&self, ru: &'t str, en: &'t str) -> &'t str {
        match self.language {
            Language::Ru => ru,
            Language::En => en,
        }
    }

    fn entry(
        &self,
        id: String,
        line: usize,
        topics: &[&str],
        questions: Vec<String>,
        answer: String,
    ) -> Entry {
        Entry {
            id,
            questions,
            answer,
            keywords: String::new(),
            topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
            language: self.language,
            source: Source {
                file: self.business.file.clone(),
                line,
                part: None,
            },
            origin: Origin::Fact,
            verified_by: None,
            valid_until: None,
            imported: None,
        }
    }

    /// The names customers use for a service in this language.
    fn names(&self, service: &'b Service) -> Vec<&'b str> {
        let mut names = vec![service.name.in_language(self.language)];
        // Russian customers write the names of techniques in Latin letters, English ones never in Cyrillic.
        let spoken = |name: &&String| {
            self.language == Language::Ru || Language::of(name) != Some(Language::Ru)
        };
        names.extend(service.synonyms.iter().filter(spoken).map(String::as_str));
        names
    }

    fn service(&self, service: &'b Service) -> Entry {
        let name = service.name.in_language(self.language);
        let mut answer = format!(
            "{name}: {}, {}",
            service.price.text(self.language),
            service.minutes_text(self.language)
        );
        if let Some(note) = &service.note {
            answer.push_str(". ");
            answer.push_str(note.in_language(self.language));
        }
        let mut questions = vec![name.to_owned()];
        questions.extend(self.names(service).into_iter().skip(1).map(str::to_owned));
        let topics = ["price", "duration", "service_info", "booking"];
        let mut entry = self.entry(
            format!("{SERVICE}{}", service.id),
            service.line,
            &topics,
            questions,
            answer,
        );
        let [ru, en] = PRICE_WORDS;
        entry.keywords.push_str(self.say(ru, en));
        entry
    }

    fn who(&self, service: &'b Service) -> Option<Entry> {
        let people: Vec<String> = self
            .business
            .staff
            .iter()
            .filter(|employee| employee.services.contains(&service.id))
            .map(|employee| {
                let schedule = employee.schedule.text(self.language);
                format!(
                    "• {} — {} ({schedule})",
                    employee.name.in_language(self.language),
                    employee.role.in_language(self.language)
                )
            })
            .collect();
        if people.is_empty() {
            return None;
        }
        let questions = self
            .names(service)
            .into_iter()
            .map(|name| match self.language {
                Language::Ru => format!("Кто делает, какой мастер: {name}"),
                Language::En => format!("Who does, which specialist: {name}"),
            });
        let answer = format!(
            "{}:\n{}",
            service.name.in_language(self.language),
            people.join("\n")
        );
        Some(self.entry(
            format!("who:{}", service.id),
            service.line,
            &["staff_info"],
            questions.collect(),
            answer,
        ))
    }

    fn price_list(&self) -> Entry {
        let mut answer = String::new();
        let mut category = "";
        for service in &self.business.services {
            let of = service.category.in_language(self.language);
            if of != category {
                if !answer.is_empty() {
                    answer.push('\n');
                }
                answer.push_str(of);
                answer.push_str(":\n");
                category = of;
            }
            let name = service.name.in_language(self.language);
            answer.push_str("• ");
            answer.push_str(name);
            answer.push_str(" — ");
            answer.push_str(&service.price.text(self.language));
            answer.push('\n');
        }
        let questions = self.say(
            "Услуги и цены|Прайс-лист|Какие услуги вы делаете|Какие у вас цены|Сколько стоят ваши услуги|Пришлите прайс|Список услуг|Что вы делаете|Чем занимаетесь",
            "Services and prices|Price list|What services do you offer|What are your prices|How much do your services cost|What do you do",
        );
        let line = self
            .business
            .services
            .first()
            .map_or(1, |service| service.line);
        self.entry(
            "price-list".to_owned(),
            line,
            &["price", "service_info"],
            split(questions),
            answer.trim_end().to_owned(),
        )
    }

    fn employee(&self, employee: &'b Employee) -> Entry {
        let name = employee.name.in_language(self.language);
        let services: Vec<&str> = employee
            .services
            .iter()
            .filter_map(|id| self.business.service(id))
            .map(|service| service.name.in_language(self.language))
            .collect();
        let mut sentences = vec![format!(
            "{name} — {}.",
            employee.role.in_language(self.language)
        )];
        if !services.is_empty() {
            sentences.push(format!(
                "{}: {}.",
                self.say("Услуги", "Services"),
                services.join(", ")
            ));
        }
        sentences.push(format!(
            "{}: {}.",
            self.say("График", "Schedule"),
            employee.schedule.text(self.language)
        ));
        let answer = sentences.join(" ");
        let mut questions = vec![name.to_owned()];
        let spoken =
            |other: &&String| Language::of(other).is_none_or(|language| language == self.language);
        questions.extend(employee.also.iter().filter(spoken).cloned());
        let mut entry = self.entry(
            format!("staff:{}", employee.id),
            employee.line,
            &["staff_info", "booking"],
            questions,
            answer,
        );
        let keywords = self.say(
            "мастер когда работает график смены принимает",
            "master when works schedule",
        );
        entry.keywords.push_str(keywords);
        entry
    }

    fn team(&self) -> Option<Entry> {
        let first = self.business.staff.first()?;
        let people: Vec<String> = self
            .business
            .staff
            .iter()
            .map(|employee| {
                format!(
                    "• {} — {}",
                    employee.name.in_language(self.language),
                    employee.role.in_language(self.language)
                )
            })
            .collect();
        let questions = self.say(
            "Наши мастера|Какие у вас мастера|Кто у вас работает|Список мастеров|Расскажите про специалистов",
            "Our team|Who works at the salon|Who are your specialists|Your masters and stylists",
        );
        Some(self.entry(
            "staff".to_owned(),
            first.line,
            &["staff_info"],
            split(questions),
            people.join("\n"),
        ))
    }

    /// The id of a fact about a place: the place is named only when there are several.
    fn of_place(&self, what: &str, location: &Location) -> String {
        if self.business.locations.len() == 1 {
            return what.to_owned();
        }
        format!("{what}:{}", location.id)
    }

    /// The name of the place in front, when there are several.
    fn place(&self, location: &'b Location) -> String {
        if self.business.locations.len() == 1 {
            return String::new();
        }
        format!("{}: ", location.name.in_language(self.language))
    }

    fn hours(&self, location: &'b Location) -> Entry {
        let mut answer = format!(
            "{}{}: {}.",
            self.place(location),
            self.say("Мы работаем", "We are open"),
            location.hours_text(self.language)
        );
        if !location.special_days.is_empty() {
            let days: Vec<String> = location
                .special_days
                .iter()
                .map(|days| days.text(self.language))
                .collect();
            let holidays = self.say("Праздничные дни", "Holidays");
            answer = format!("{answer}\n{holidays}: {}.", days.join("; "));
        }
        let questions = self.say(
            "Часы работы|Режим работы|График работы салона|Во сколько открываетесь|До скольки работаете|Когда закрываетесь|\
             Работаете сегодня|Работаете завтра|Работаете в воскресенье|Работаете в субботу|Работаете в выходные|\
             Работаете в праздники, на новогодних каникулах 1-8 января|Вы открыты|С какого часа до какого|Вы круглосуточно работаете",
            "Opening hours|When are you open|What time do you close|What time do you open|Are you open today|Are you open on Sunday|\
             Are you open on weekends|Are you open on holidays|Working hours",
        );
        self.entry(
            self.of_place("hours", location),
            location.line,
            &["hours"],
            split(questions),
            answer,
        )
    }

    fn address(&self, location: &'b Location) -> Entry {
        let mut answer = format!(
            "{}{}",
            self.place(location),
            location.address.in_language(self.language)
        );
        if let Some(directions) = &location.directions {
            answer.push_str(".\n");
            answer.push_str(directions.in_language(self.language));
        }
        let questions = self.say(
            "Адрес|Где вы находитесь|Где находится салон|Какой у вас адрес|Как вас найти|Как добраться|Как пройти от метро|Какое метро рядом|\
             Какая станция метро|Вход с улицы или со двора|На какой улице|Как доехать|Где вы территориально|В каком районе|Где вас искать",
            "Address|Where are you located|How to get there|Where is the salon|Which metro station|How do I find you|Directions",
        );
        self.entry(
            self.of_place("address", location),
            location.line,
            &["address"],
            split(questions),
            answer,
        )
    }

    fn contacts(&self, location: &'b Location) -> Option<Entry> {
        let phone = location.phone.as_ref()?;
        let mut answer = format!(
            "{}{}: {phone}",
            self.place(location),
            self.say("Телефон", "Phone")
        );
        if let Some(email) = &location.email {
            answer = format!("{answer}, {}: {email}", self.say("почта", "e-mail"));
        }
        let questions = self.say(
            "Телефон салона|Номер телефона|Как вам позвонить|Контакты|Как с вами связаться|Электронная почта",
            "Phone number|How can I call you|Contacts|E-mail",
        );
        Some(self.entry(
            self.of_place("contacts", location),
            location.line,
            &["contact"],
            split(questions),
            answer,
        ))
    }

    fn parking(&self, location: &'b Location) -> Option<Entry> {
        let answer = format!(
            "{}{}",
            self.place(location),
            location.parking.as_ref()?.in_language(self.language)
        );
        let questions = self.say(
            "Парковка|Есть ли парковка|Где припарковаться|Где поставить машину|Можно ли приехать на машине|Парковка платная или бесплатная|Стоянка|Куда поставить авто",
            "Parking|Is there parking|Where can I park|Parking lot for a car",
        );
        Some(self.entry(
            self.of_place("parking", location),
            location.line,
            &["parking"],
            split(questions),
            answer,
        ))
    }

    fn access(&self, location: &'b Location) -> Option<Entry> {
        let answer = format!(
            "{}{}",
            self.place(location),
            location.access.as_ref()?.in_language(self.language)
        );
        let questions = self.say(
            "Лифт, пандус, ступеньки|Можно ли с коляской|Доступно ли для инвалидной коляски|На каком вы этаже|Есть лифт или пандус",
            "Step-free access, lift, ramp|Can I come with a pram or stroller|Wheelchair access|Which floor",
        );
        Some(self.entry(
            self.of_place("access", location),
            location.line,
            &["address", "service_info"],
            split(questions),
            answer,
        ))
    }
}

fn split(questions: &str) -> Vec<String> {
    questions
        .split('|')
        .map(|question| question.trim().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::testing::{business, knowledge};
    use crate::words::Language;

    #[test]
    fn every_service_has_its_price_in_every_language() {
        let (business, knowledge) = (business(), knowledge());
        for service in &business.services {
            for language in Language::ALL {
                let id = format!("service:{}", service.id);
                let entry = knowledge
                    .entries()
                    .iter()
                    .find(|e| e.id == id && e.language == language)
                    .unwrap();
                assert!(
                    entry.answer.contains(&service.price.text(language)),
                    "{}",
                    entry.answer
                );
                assert!(entry.source.line > 1, "{:?}", entry.source);
            }
        }
    }
}
