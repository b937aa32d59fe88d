//! What is said: conversations from sentences with gaps, with words that are common and words that
//! hardly any other call has.

use callpipe_core::recording::Role;
use callpipe_core::transcript::Speaker;

use crate::chance::Chance;
use crate::people::Agent;
use crate::story::Story;

mod sentences;

use sentences::{
    ASIDES, CARRIERS, CLOSINGS, CUSTOMER_FRUSTRATED, GREETINGS, PARTS, PRODUCTS, Purpose, TOWNS,
    purpose, result,
};

/// How many family names and model numbers there are: most of them are in a few calls.
const NAMES: usize = 30_000;

/// From one exchange to the next: by a prime that is longer than any list of them, so that each is met
/// once.
const STRIDE: usize = 17;

/// What fills the gaps of a call's sentences.
pub(crate) struct Talk {
    agent: &'static str,
    customer: String,
    product: String,
    part: &'static str,
    town: &'static str,
    carrier: &'static str,
    order: String,
    purpose: &'static Purpose,
    /// Who says what, turn by turn.
    pub(crate) turns: Vec<(Role, String)>,
}

impl Talk {
    pub(crate) fn new(chance: &mut Chance, story: &Story, agent: &Agent) -> Self {
        let carrier = story.carrier().unwrap_or("unknown_carrier");
        let mut talk = Self {
            agent: agent.first_name,
            customer: family_name(chance),
            product: product(chance, story.product_family),
            part: PARTS[chance.skewed(PARTS.len())],
            town: TOWNS[chance.skewed(TOWNS.len())],
            carrier: CARRIERS
                .iter()
                .find(|(value, _)| *value == carrier)
                .map_or("the carrier", |(_, name)| name),
            order: format!(
                "{}{:06}",
                chance.one_of(&["A", "S", "W"]),
                chance.below(1_000_000)
            ),
            purpose: purpose(story.call_types[0]),
            turns: Vec::new(),
        };
        talk.speak(chance, story);
        talk
    }

    fn speak(&mut self, chance: &mut Chance, story: &Story) {
        let greeting = if story.says_name {
            GREETINGS[chance.below(3)]
        } else {
            GREETINGS[3]
        };
        self.say(Role::Agent, greeting);
        self.say(Role::Customer, chance.one_of(self.purpose.wishes));
        if story.problems.contains(&"customer_frustrated") {
            self.say(Role::Customer, chance.one_of(CUSTOMER_FRUSTRATED));
        }
        // Few calls are long. Nothing is said twice.
        let said: Vec<_> = self.purpose.exchanges.iter().chain(ASIDES).collect();
        let exchanges = (chance.around(1.7, 0.5).exp() as usize).clamp(1, said.len());
        let first = chance.below(said.len());
        for step in 0..exchanges {
            let (question, answer) = said[(first + step * STRIDE) % said.len()];
            self.say(Role::Agent, question);
            self.say(Role::Customer, answer);
        }
        for sentence in result(story.sale_result, story.escalation) {
            self.say(Role::Agent, sentence);
        }
        let (customer, agent) = chance.one_of(CLOSINGS);
        self.say(Role::Customer, customer);
        self.say(Role::Agent, agent);
    }

    /// A sentence with its gaps filled; it goes on the turn of the same speaker.
    fn say(&mut self, role: Role, sentence: &str) {
        let sentence = self.filled(sentence);
        match self.turns.last_mut() {
            Some((last, text)) if *last == role => {
                text.push(' ');
                text.push_str(&sentence);
            }
            _ => self.turns.push((role, sentence)),
        }
    }

    /// One line a turn, each with its speaker.
    pub(crate) fn conversation(&self) -> String {
        let lines = self
            .turns
            .iter()
            .map(|(role, text)| format!("{}: {text}", Speaker::Side(*role)));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The words alone.
    pub(crate) fn plain_text(&self) -> String {
        let texts = self.turns.iter().map(|(_, text)| text.as_str());
        texts.collect::<Vec<_>>().join(" ")
    }

    /// What somebody says first.
    pub(crate) fn first_words(&self, role: Role) -> &str {
        let first = self.turns.iter().find(|(whose, _)| *whose == role);
        first.map_or("", |(_, text)| text)
    }

    fn filled(&self, sentence: &str) -> String {
        let mut filled = String::with_capacity(sentence.len() + 24);
        let mut rest = sentence;
        while let Some((before, after)) = rest.split_once('{') {
            let (gap, after) = after.split_once('}').unwrap_or((after, ""));
            filled.push_str(before);
            filled.push_str(match gap {
                "agent" => self.agent,
                "customer" => &self.customer,
                "product" => &self.product,
                "part" => self.part,
                "town" => self.town,
                "carrier" => self.carrier,
                _ => &self.order,
            });
            rest = after;
        }
        filled.push_str(rest);
        filled
    }

    /// What the call is about in a few words, for topics and summaries.
    pub(crate) fn subject(&self) -> String {
        self.filled(self.purpose.subject)
    }

    /// What the caller wants, for intents.
    pub(crate) fn intent(&self) -> &'static str {
        self.purpose.intent
    }

    pub(crate) fn product(&self) -> &str {
        &self.product
    }

    pub(crate) fn town(&self) -> &'static str {
        self.town
    }
}

/// A name from syllables: the first ones common, the last ones rare.
fn family_name(chance: &mut Chance) -> String {
    const FIRST: [&str; 25] = [
        "Bar", "Cor", "Del", "Fen", "Gar", "Hal", "Kel", "Lan", "Mar", "Nor", "Par", "Ros", "Sil",
        "Tol", "Var", "Wes", "Bren", "Cal", "Dun", "El", "Hol", "Mor", "Pen", "Stan", "Whit",
    ];
    const MIDDLE: [&str; 40] = [
        "", "a", "e", "i", "o", "an", "en", "in", "on", "ar", "er", "ir", "or", "al", "el", "il",
        "ol", "as", "es", "is", "os", "at", "et", "it", "ot", "am", "em", "im", "om", "ad", "ed",
        "id", "od", "av", "ev", "iv", "ov", "ak", "ek", "ik",
    ];
    const LAST: [&str; 30] = [
        "ton", "ley", "son", "man", "wood", "field", "by", "ford", "er", "ing", "well", "more",
        "den", "ham", "croft", "dale", "gate", "hurst", "land", "mont", "nell", "quist", "ridge",
        "sen", "stock", "thorpe", "vale", "ward", "wick", "worth",
    ];
    let number = chance.skewed(NAMES);
    let (first, last, middle) = (number % 25, number / 25 % 30, number / 750 % 40);
    format!("{}{}{}", FIRST[first], MIDDLE[middle], LAST[last])
}

/// A product of a family with a model number.
fn product(chance: &mut Chance, family: &str) -> String {
    let known = PRODUCTS.iter().find(|(name, _)| *name == family);
    let names = known.map_or(&["machine"][..], |(_, names)| names);
    let name = names[chance.skewed(names.len())];
    let number = chance.skewed(NAMES);
    format!(
        "{name} {}{}",
        ["ZM", "KX", "TR", "PH"][number % 4],
        20 + number / 4
    )
}
