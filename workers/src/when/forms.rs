//! The words of time, in the forms in which they are written.
//!
//! Forms are folded: lower case, е for ё.

use chrono::Weekday::{Fri, Mon, Sat, Sun, Thu, Tue, Wed};

use super::said::{DayPart, Unit};
use super::symbol::Role as R;
use super::symbol::{Case, Portion, Sure, Word};

/// A stem with its endings: "понедельник: - а у" stands for «понедельник», «понедельника» …
pub(super) type Family = (Word, &'static str);

const fn num(value: u32) -> Word {
    Word::Num { value, digits: 0 }
}

/// Names, numbers and units.
pub(super) const NAMES: &[Family] = &[
    (
        Word::Weekday(Mon, Sure::Yes),
        "понедельник понедельника понедельнику понедельником понедельнике понедельники понедельников понедельникам пн пнд понед пон monday mondays mon",
    ),
    (
        Word::Weekday(Tue, Sure::Yes),
        "вторник вторника вторнику вторником вторнике вторники вторников вторникам вт втр вторн tuesday tuesdays tue tues",
    ),
    (
        Word::Weekday(Wed, Sure::Yes),
        "среда среды среду среде средой средам ср срд wednesday wednesdays wed weds",
    ),
    (
        Word::Weekday(Thu, Sure::Yes),
        "четверг четверга четвергу четвергом четверге четверги четвергов четвергам чт чтв четв thursday thursdays thu thur thurs",
    ),
    (
        Word::Weekday(Fri, Sure::Yes),
        "пятница пятницы пятницу пятнице пятницей пятницам пт птн птц пятн friday fridays fri",
    ),
    (
        Word::Weekday(Sat, Sure::Yes),
        "суббота субботы субботу субботе субботой субботам сб сбт суб субб saturday saturdays",
    ),
    (Word::Weekday(Sat, Sure::No), "sat"),
    (
        Word::Weekday(Sun, Sure::Yes),
        "воскресенье воскресенья воскресенью воскресеньем воскресенем воскресеньям воскресение воскресения воскресению воскресением воскресеньи вс вск воскр sunday sundays",
    ),
    (Word::Weekday(Sun, Sure::No), "sun"),
    (
        Word::Month(1, Sure::Yes),
        "январь января январю январе январем янв january jan",
    ),
    (
        Word::Month(2, Sure::Yes),
        "февраль февраля февралю феврале февралем фев февр february feb",
    ),
    (Word::Month(3, Sure::Yes), "март марту мартом"),
    (Word::Month(3, Sure::No), "марта марте мар march mar"),
    (
        Word::Month(4, Sure::Yes),
        "апрель апреля апрелю апреле апрелем апр april apr",
    ),
    (Word::Month(5, Sure::Yes), "май мая маю маем"),
    (Word::Month(5, Sure::No), "мае may"),
    (
        Word::Month(6, Sure::Yes),
        "июнь июня июню июне июнем июн june jun",
    ),
    (
        Word::Month(7, Sure::Yes),
        "июль июля июлю июле июлем июл july jul",
    ),
    (
        Word::Month(8, Sure::Yes),
        "август августа августу августе августом авг august aug",
    ),
    (
        Word::Month(9, Sure::Yes),
        "сентябрь сентября сентябрю сентябре сентябрем сен сент september sept sep",
    ),
    (
        Word::Month(10, Sure::Yes),
        "октябрь октября октябрю октябре октябрем окт october oct",
    ),
    (
        Word::Month(11, Sure::Yes),
        "ноябрь ноября ноябрю ноябре ноябрем ноя нояб november nov",
    ),
    (
        Word::Month(12, Sure::Yes),
        "декабрь декабря декабрю декабре декабрем дек december dec",
    ),
    (num(0), "ноль zero"),
    (num(1), "один одна одну одно одного одной одному одним one"),
    (num(2), "два две двух двум двумя пару пара пары two couple"),
    (num(3), "три трех трем тремя three несколько"),
    (num(4), "четыре четырех четырем четырьмя four"),
    (num(5), "пять пяти пятью five"),
    (num(6), "шесть шести шестью six"),
    (num(7), "семь семи семью seven"),
    (num(8), "восемь восьми восемью eight"),
    (num(9), "девять девяти девятью nine"),
    (num(10), "десять десяти десятью ten"),
    (
        num(11),
        "одиннадцать одиннадцати одинадцать одинадцати eleven",
    ),
    (num(12), "двенадцать двенадцати twelve"),
    (num(13), "тринадцать тринадцати thirteen"),
    (num(14), "четырнадцать четырнадцати fourteen"),
    (num(15), "пятнадцать пятнадцати fifteen"),
    (num(16), "шестнадцать шестнадцати sixteen"),
    (num(17), "семнадцать семнадцати seventeen"),
    (num(18), "восемнадцать восемнадцати eighteen"),
    (num(19), "девятнадцать девятнадцати nineteen"),
    (num(20), "двадцать двадцати twenty"),
    (num(30), "тридцать тридцати thirty"),
    (num(40), "сорок сорока forty"),
    (num(50), "пятьдесят пятидесяти fifty"),
    (num(60), "шестьдесят шестидесяти sixty"),
    (num(90), "девяносто девяноста ninety"),
    (num(100), "сто ста hundred"),
    (
        Word::Unit(Unit::Second, Case::Plain),
        "секунда секунду секунды секунд секундочку сек seconds secs sec",
    ),
    (
        Word::Unit(Unit::Minute, Case::Plain),
        "минута минуту минуты минут минуте минутам минутку минутки минуток минуточку мин минутами minute minutes min mins",
    ),
    (Word::Unit(Unit::Hour, Case::Telling), "час"),
    (
        Word::Unit(Unit::Hour, Case::Many),
        "часов часам часиков часикам часах",
    ),
    (
        Word::Unit(Unit::Hour, Case::Plain),
        "часа часу часе часом часик часика часочек часочка ч hour hours hr hrs",
    ),
    (Word::Unit(Unit::Day, Case::Telling), "дня"),
    (
        Word::Unit(Unit::Day, Case::Plain),
        "день дней дню дням денек денька деньков сутки суток дни day days",
    ),
    (
        Word::Unit(Unit::Week, Case::Plain),
        "неделя недели недель неделю неделей неделям недельку недельки недельке нед week weeks wk",
    ),
    (Word::Unit(Unit::Week, Case::Telling), "неделе"),
    (
        Word::HalfUnit(Unit::Hour),
        "полчаса получаса полчасика получасу",
    ),
    (Word::HalfUnit(Unit::Month), "полмесяца"),
    (Word::HalfUnit(Unit::Year), "полгода полугода"),
    (Word::HalfUnit(Unit::Day), "полдня"),
    (
        Word::Unit(Unit::Month, Case::Plain),
        "месяц месяца месяцев месяцу месяце месяцем месяцам месяцок мес month months",
    ),
    (
        Word::Unit(Unit::Year, Case::Plain),
        "год года году годом годов лет г year years",
    ),
    (
        Word::Part(DayPart::Morning),
        "утро утра утру утром утре утречком утрам поутру сутра утреца утречка morning mornings",
    ),
    (
        Word::Part(DayPart::Lunch),
        "обед обеда обеду обедом обеде обеденное lunch lunchtime",
    ),
    (
        Word::Part(DayPart::Afternoon),
        "днем послеобеденное afternoon afternoons",
    ),
    (
        Word::Part(DayPart::Evening),
        "вечер вечера вечеру вечером вечере вечерком вечерочком вечерам evening evenings eve",
    ),
    (
        Word::Part(DayPart::Night),
        "ночь ночи ночью ночам night nights",
    ),
    (Word::Tonight, "tonight"),
    (Word::Rel(0), "сегодня седня сегодны today"),
    (
        Word::Rel(1),
        "завтра завтро tomorrow tmrw tomorow tommorow tommorrow tmr",
    ),
    (Word::Rel(2), "послезавтра послезавтро overmorrow"),
    (Word::Rel(3), "послепослезавтра"),
    (Word::Rel(-1), "вчера yesterday"),
    (Word::Rel(-2), "позавчера"),
    (Word::Rel(-3), "позапозавчера"),
    (
        Word::Which(R::This, 0),
        "этот эта эту это этом этой эти этих этим этого this текущий текущей текущем текущего",
    ),
    (Word::Which(R::Next, 1), "след next following"),
    (Word::Which(R::Last, -1), "last previous"),
    (Word::Which(R::Coming, 0), "coming upcoming nearest"),
    (Word::Which(R::That, 1), "той тот ту другой другую другая"),
    (
        Word::Portion(Portion::Begin),
        "начало начала начале началу beginning start early",
    ),
    (
        Word::Portion(Portion::Middle),
        "середина середины середине середину middle mid",
    ),
    (
        Word::Portion(Portion::End),
        "конец конца конце концу концом end late",
    ),
    (
        Word::Holiday(1, 7),
        "рождество рождества рождеству рождеством рождестве",
    ),
    (Word::Holiday(12, 25), "christmas xmas"),
    (Word::Season(3), "весна весны весне весну весной spring"),
    (Word::Season(6), "лето лета лету летом лете summer"),
    (Word::Season(9), "осень осени осенью autumn"),
    (Word::Season(12), "зима зимы зиме зиму зимой winter"),
    (Word::Holiday(1, 1), "нг"),
    (Word::Pm(false), "am"),
    (Word::Pm(true), "pm"),
];

/// Words that only play a role.
pub(super) const ROLES: &[(R, &str)] = &[
    (R::In, "в во at @"),
    (R::Inside, "in"),
    (R::On, "на on"),
    (R::For, "for"),
    (R::From, "с со от c from since начиная"),
    (R::Between, "между between"),
    (R::Until, "до until till til"),
    (R::To, "to thru through"),
    (R::Up, "по"),
    (R::By, "к ко by"),
    (R::After, "после after past позже позднее later"),
    (R::Before, "перед before раньше пораньше earlier"),
    (R::Ahead, "через спустя чрз"),
    (R::Ago, "назад ago тому"),
    (
        R::About,
        "около примерно ориентировочно приблизительно around about approximately roughly ближе под районе типа",
    ),
    (R::Without, "без"),
    (R::And, "и and &"),
    (R::Or, "или либо or"),
    (R::Not, "не not no нельзя"),
    (R::Unable, "cant cannot couldnt wont dont doesnt"),
    (R::Except, "кроме исключая except excluding"),
    (R::Only, "только only just лишь ровно exactly sharp"),
    (R::The, "the"),
    (R::Than, "than чем"),
    (R::Of, "of"),
    (R::Within, "за within"),
    (R::Course, "течение течении"),
    (
        R::Any,
        "любой любая любое любую любые любым any every каждый каждую каждое",
    ),
    (R::Noon, "полдень полудня полудню полднем noon midday"),
    (R::Midnight, "полночь полуночи midnight"),
    (R::Now, "сейчас теперь now"),
    (
        R::Weekend,
        "выходные выходных выходным выходными выхи weekend weekends",
    ),
    (R::Workdays, "будни будням буднях будний weekday weekdays"),
    (R::DateWord, "число числа числу числе date"),
    (R::OClock, "oclock ish"),
    (R::NewYear, "новый новому нового новым"),
    (R::Work, "работы work works"),
    (R::OneAndHalf, "полтора полторы полутора"),
    (R::Half, "пол половина половине половину половиной"),
    (R::EnHalf, "half"),
    (R::DateEnding, "го ого его ему му ому е ое ье st nd rd th"),
    (R::Ending, "й ый ой ая я ю ую"),
    (R::Cardinal, "ти ми х"),
    (
        R::Busy,
        "работаю занята занят занято учусь уезжаю улетаю отпуск отпуске командировке busy",
    ),
    (R::Quarter, "четверть четверти quarter"),
    (R::Article, "an"),
    (R::LetterA, "a"),
    (R::LetterP, "p"),
    (R::LetterM, "m"),
    (
        R::Good,
        "добрый доброе доброго доброй добрым хорошего хорошей приятного прекрасного чудесного отличного удачного спокойной good nice great lovely",
    ),
    (
        R::Number,
        "дом доме кв квартира корпус каб кабинет кабинете номер подъезд офис apt",
    ),
    (
        R::Verb,
        "можно хочу хотела хотел хотелось хотим есть свободно свободное свободные буду будет будем будешь приду приеду подойду прийду зайду \
        запишите запишете записать записаться запишусь запись прийти придти приехать подъехать подойти зайти быть бывает был была было если а но да мне нас вам вас вы нам у же ли бы еще уже \
        там нибудь пожалуйста плиз please работаете открыты ок давайте давай ждать жду окошко make do come be is would i можете имеется найдется",
    ),
    (
        R::Cannot,
        "могу смогу можем сможем получится получается выйдет удобно подходит подойдет успею успеваю свободна свободен can could available free able",
    ),
    (
        R::Change,
        "нет точнее вернее ой actually rather instead изменила передумал передумала лучше",
    ),
    (
        R::Quantity,
        "раз раза разу разик человек человека людей чел руб рублей рубля р рэ тр т тыс тысяч тысячи шт штук штуки этаж этаже этажа \
        дома корпуса класс классе лицам \
        см мм м кг г гр мл градус градусов процент процентов процента балл балла баллов звезд звезды звезда из \
        девочек девочки девочка друзей подруг подруги подругам гостей взрослых детей ребенка дочки слов номера станции линия линии \
        зону зоны зон ног ноги ногтей пальца пальцев пальцы волос рук руки тон тона тонов размер размера серия сезон мастер мастера мастеру мастеров салон салона салоне салонов \
        услуги услуг услуга варианта вариантов вариант места мест место окна окон окошка стула страница пункт вопрос вопроса вопросов фото \
        people person persons guests adults kids friends times dollars bucks usd eur rubles floor street avenue ave road years percent seats tickets stars \
        session sessions visit visits procedure procedures room rooms nails miles km км",
    ),
];

/// Beginnings of words, where any ending will do.
pub(super) const BEGINNINGS: &[(Word, &str)] = &[
    (Word::Which(R::Next, 1), "следующ следущ следуюш будущ"),
    (Word::Which(R::Coming, 0), "ближайш"),
    (Word::Which(R::Last, -2), "позапрошл"),
    (
        Word::Which(R::Last, -1),
        "прошл прошедш минувш предыдущ последни последня последне последню",
    ),
    (Word::Rel(0), "сегодняшн"),
    (Word::Rel(1), "завтрашн"),
    (Word::Rel(2), "послезавтрашн"),
    (Word::Rel(-1), "вчерашн"),
    (
        Word::Role(R::Quantity),
        "урок курс сезон букв литр процедур сеанс пациент клиент посетител копе доллар евро квадрат километр сантиметр миллиметр грамм ампул шприц единиц упаков процент капсул",
    ),
];

/// The beginnings of ordinals; the endings tell whether a date may be meant.
pub(super) const ORDINALS: &[(u32, &str)] = &[
    (1, "перв"),
    (2, "втор"),
    (3, "трет"),
    (4, "четверт"),
    (5, "пят"),
    (6, "шест"),
    (7, "седьм"),
    (8, "восьм"),
    (9, "девят"),
    (10, "десят"),
    (11, "одиннадцат одинадцат"),
    (12, "двенадцат"),
    (13, "тринадцат"),
    (14, "четырнадцат"),
    (15, "пятнадцат"),
    (16, "шестнадцат"),
    (17, "семнадцат"),
    (18, "восемнадцат"),
    (19, "девятнадцат"),
    (20, "двадцат"),
    (30, "тридцат"),
];

/// Endings of ordinals that dates have.
pub(super) const DATE_ENDINGS: &str = "ого ому ое ьего ьему ье";
/// The other endings of ordinals.
pub(super) const OTHER_ENDINGS: &str = "ый ой ая ую ые ых ым ом ий ья ью ьей ьи ьем";

/// English ordinals.
pub(super) const ORDINALS_EN: &[(u32, &str)] = &[
    (1, "first"),
    (2, "second"),
    (3, "third"),
    (4, "fourth"),
    (5, "fifth"),
    (6, "sixth"),
    (7, "seventh"),
    (8, "eighth"),
    (9, "ninth"),
    (10, "tenth"),
    (11, "eleventh"),
    (12, "twelfth"),
    (13, "thirteenth"),
    (14, "fourteenth"),
    (15, "fifteenth"),
    (16, "sixteenth"),
    (17, "seventeenth"),
    (18, "eighteenth"),
    (19, "nineteenth"),
    (20, "twentieth"),
    (30, "thirtieth"),
];

/// Words that are one letter away from a word of time and none themselves.
pub(super) const LOOKALIKES: &str = "завтрак завтраки четверка четверки четверку четверке четверо четверых четвертый вечерние вечерняя вечерний sundae mourning маникюр";
