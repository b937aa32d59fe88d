//! Who rings and who answers: agents with habits of their own, and callers who ring again.

use chrono::{Days, NaiveDate};

use crate::chance::Chance;

const FIRST_NAMES: [&str; 60] = [
    "Aaron", "Adele", "Alan", "Amber", "Angus", "Anita", "Ben", "Bianca", "Callum", "Carmen",
    "Chloe", "Craig", "Dana", "Daniel", "Dev", "Eden", "Elena", "Emil", "Faye", "Felix", "Fiona",
    "Gary", "Gemma", "Grace", "Hamish", "Hannah", "Harjit", "Imogen", "Isaac", "Ivy", "Jack",
    "Jasmine", "Joanne", "Kai", "Karen", "Kieran", "Lachlan", "Leila", "Liam", "Mai", "Marcus",
    "Mia", "Nadia", "Nathan", "Noor", "Olivia", "Oscar", "Paige", "Priya", "Quinn", "Ravi",
    "Rosie", "Sam", "Sofia", "Tess", "Tomas", "Una", "Victor", "Wendy", "Zoe",
];

const LAST_NAMES: [&str; 24] = [
    "Abbott",
    "Barlow",
    "Chen",
    "Dwyer",
    "Ellery",
    "Farrow",
    "Gallo",
    "Hewitt",
    "Iyer",
    "Jarvis",
    "Kowalski",
    "Lund",
    "Mackie",
    "Nguyen",
    "Okafor",
    "Pratt",
    "Quirke",
    "Rossi",
    "Sharma",
    "Tran",
    "Underhill",
    "Vance",
    "Whelan",
    "Young",
];

/// Teams with the skills that calls reach them by.
const TEAMS: [(&str, &[&str]); 5] = [
    ("Sales East", &["Sales", "Sales", "Parts"]),
    ("Sales West", &["Sales", "Parts"]),
    ("Parts Desk", &["Parts", "Parts", "Technical"]),
    ("Customer Care", &["Orders", "Orders", "Returns"]),
    ("Workshop Line", &["Technical", "Technical", "Returns"]),
];

const AGENTS: usize = 120;

/// Numbers that Australia's regulator keeps free for fiction: two blocks in each of four regions.
const CALLERS: usize = 4 * 2 * 10_000;

/// An agent, and what is usual on this agent's calls.
pub(crate) struct Agent {
    pub(crate) id: u64,
    pub(crate) first_name: &'static str,
    pub(crate) last_name: &'static str,
    pub(crate) team: &'static str,
    pub(crate) skills: &'static [&'static str],
    /// How many calls, compared with others.
    weight: f64,
    from: NaiveDate,
    until: NaiveDate,
    pub(crate) words_per_minute: f64,
    /// The share of the talk.
    pub(crate) talk_share: f64,
    /// Below 0 sells less than others, above 0 more.
    pub(crate) selling: f64,
    /// Below 0 leaves callers sour, above 0 pleased.
    pub(crate) warmth: f64,
    /// How often an answer is not known.
    pub(crate) knowledge_gap: f64,
    /// The share of silence: keyboards, holds.
    pub(crate) silence: f64,
    pub(crate) overlap: f64,
    /// Whether the name is said at the beginning of a call.
    pub(crate) says_name: f64,
}

/// Everybody who answers.
pub(crate) struct Agents {
    agents: Vec<Agent>,
    /// Of the day last asked for, with weights that add up on the way.
    of_day: (Option<NaiveDate>, Vec<(usize, f64)>),
}

impl Agents {
    /// Some stay all the time between the dates, some come later or leave.
    pub(crate) fn new(chance: &mut Chance, from: NaiveDate, until: NaiveDate) -> Self {
        let days = u64::try_from((until - from).num_days()).unwrap_or_default();
        let agents = (0..AGENTS).map(|number| agent(chance, number, from, days));
        Self {
            agents: agents.collect(),
            of_day: (None, Vec::new()),
        }
    }

    /// Who answers a call on a date.
    pub(crate) fn on(&mut self, chance: &mut Chance, date: NaiveDate) -> &Agent {
        if self.of_day.0 != Some(date) {
            let mut total = 0.0;
            let there = self.agents.iter().enumerate();
            let there = there.filter(|(number, agent)| {
                *number == 0 || (agent.from..=agent.until).contains(&date)
            });
            let day = there.map(|(number, agent)| {
                total += agent.weight;
                (number, total)
            });
            self.of_day = (Some(date), day.collect());
        }
        let day = &self.of_day.1;
        let at = chance.fraction() * day[day.len() - 1].1;
        let place = day.partition_point(|(_, until)| *until <= at);
        &self.agents[day[place.min(day.len() - 1)].0]
    }
}

fn agent(chance: &mut Chance, number: usize, from: NaiveDate, days: u64) -> Agent {
    let (team, skills) = TEAMS[chance.below(TEAMS.len())];
    let stays = chance.fraction();
    let (came, left) = match stays {
        stays if stays < 0.55 => (0.0, 1.0),
        stays if stays < 0.80 => (chance.between(0.0, 0.95), 1.0),
        stays if stays < 0.93 => (0.0, chance.between(0.1, 1.0)),
        _ => {
            let came = chance.between(0.0, 0.9);
            (came, came + 0.1)
        }
    };
    let day = |share: f64| from + Days::new((days as f64 * share) as u64);
    // A few only help out, so that there are agents of whom little can be said.
    let weight = match number % 15 {
        14 => 0.0005,
        7 => 0.02,
        _ => chance.around(0.0, 0.45).exp(),
    };
    Agent {
        id: 4_100_000 + number as u64 * 37,
        first_name: FIRST_NAMES[number % FIRST_NAMES.len()],
        last_name: LAST_NAMES[(number * 7 + number / FIRST_NAMES.len()) % LAST_NAMES.len()],
        team,
        skills,
        weight,
        from: day(came),
        until: day(left.min(1.0)),
        words_per_minute: chance.around(140.0, 14.0).clamp(100.0, 190.0),
        talk_share: chance.around(0.52, 0.09).clamp(0.25, 0.85),
        selling: chance.around(0.0, 0.12),
        warmth: chance.around(0.0, 0.14),
        knowledge_gap: chance.around(0.03, 0.03).clamp(0.003, 0.15),
        silence: chance.around(0.3, 0.08).clamp(0.08, 0.6),
        overlap: chance.around(0.03, 0.02).clamp(0.0, 0.12),
        says_name: chance.between(0.75, 0.99),
    }
}

/// A caller's number: some ring often, most once or twice.
pub(crate) fn caller(chance: &mut Chance) -> String {
    let number = chance.skewed(CALLERS);
    let (region, block) = ([2, 3, 7, 8][number % 4], [5550, 7010][number / 4 % 2]);
    format!("+61{region}{block}{:04}", number / 8)
}
