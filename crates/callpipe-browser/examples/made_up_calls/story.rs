//! What a call is about and how it goes: the labels, drawn so that they belong together.

use chrono::{Datelike, NaiveDate};
use serde_json::{Value, json};

use crate::chance::Chance;
use crate::people::Agent;

/// What a call is about and how it goes.
pub(crate) struct Story {
    /// The main purpose first.
    pub(crate) call_types: Vec<&'static str>,
    pub(crate) sale_result: &'static str,
    no_sale_reasons: Vec<&'static str>,
    pub(crate) product_family: &'static str,
    details: Vec<&'static str>,
    pub(crate) problems: Vec<&'static str>,
    delivery: Option<Delivery>,
    pub(crate) escalation: &'static str,
    pub(crate) says_name: bool,
    /// How sure the model is, 0 to 1.
    confidence: f64,
    /// How it sounds, -1 to 1.
    pub(crate) sentiment: f64,
}

struct Delivery {
    carrier: &'static str,
    action: &'static str,
    reasons: Vec<&'static str>,
}

/// The families with their weight, and how much more they are asked for in summer than in winter.
const FAMILIES: [(&str, f64, f64); 9] = [
    ("chainsaw_related", 38.0, -0.35),
    ("outdoor_power_equipment", 22.0, 0.45),
    ("engines_generators", 11.0, 0.05),
    ("pumps_water_equipment", 8.0, 0.6),
    ("fencing", 5.0, 0.0),
    ("weed_sprayers", 3.5, 0.5),
    ("log_equipment", 4.5, -0.7),
    ("power_tools", 2.0, 0.1),
    ("other", 6.0, 0.0),
];

const DETAILS: [(&str, &[&str]); 9] = [
    (
        "chainsaw_related",
        &[
            "chainsaw_spare_parts",
            "chainsaw_accessories",
            "chainsaws_complete_units",
            "protective_clothing_equipment",
            "chainsaw_milling_equipment",
        ],
    ),
    (
        "outdoor_power_equipment",
        &[
            "lawn_mower_parts",
            "petrol_multi_tool",
            "post_hole_digger",
            "pressure_washer_rotary_hoe_tiller",
        ],
    ),
    (
        "engines_generators",
        &[
            "generators",
            "honda_copy_engine_parts",
            "stationary_engines",
        ],
    ),
    (
        "pumps_water_equipment",
        &["water_pumps_hoses_accessories", "water_troughs"],
    ),
    (
        "fencing",
        &[
            "electric_fence_energisers",
            "electric_fence_equipment_other",
        ],
    ),
    ("weed_sprayers", &["weed_sprayers"]),
    ("log_equipment", &["log_splitter_swing_saw"]),
    ("power_tools", &["zomax_58v_tools"]),
    ("other", &["other"]),
];

impl Story {
    pub(crate) fn new(chance: &mut Chance, date: NaiveDate, agent: &Agent, skill: &str) -> Self {
        let call_type = chance.weighted(&call_types(skill));
        let product_family = family(chance, date, call_type);
        let mut call_types = vec![call_type];
        if chance.happens(0.18) {
            let second = chance.weighted(&self::call_types(skill));
            call_types
                .extend((second != call_type && call_type != "general_enquiry").then_some(second));
        }
        let sale_result = sale_result(chance, call_type, product_family, agent);
        let delivery = call_types
            .contains(&"order_support")
            .then(|| delivery(chance, date))
            .flatten();
        let problems = problems(chance, &call_types, agent, delivery.as_ref());
        let sentiment = sentiment(chance, sale_result, &problems, agent);
        let is_unsure = chance.happens(0.04) || product_family == "other" && chance.happens(0.2);
        let confidence = match is_unsure {
            true => chance.between(0.35, 0.7),
            false => {
                (0.99 - chance.around(0.0, 0.055).abs() - 0.04 * (call_types.len() - 1) as f64)
                    .clamp(0.5, 0.99)
            }
        };
        Self {
            no_sale_reasons: no_sale_reasons(chance, sale_result, product_family),
            details: details(chance, product_family),
            escalation: escalation(chance, call_type, &problems),
            says_name: chance.happens(agent.says_name),
            call_types,
            sale_result,
            product_family,
            problems,
            delivery,
            confidence,
            sentiment,
        }
    }

    /// Whether the caller is after a parcel.
    pub(crate) fn carrier(&self) -> Option<&'static str> {
        self.delivery.as_ref().map(|delivery| delivery.carrier)
    }

    /// As a model would answer.
    pub(crate) fn answer(&self, chance: &mut Chance, agent: &Agent) -> Value {
        let mut score = |below: f64| {
            let score = (self.confidence - chance.between(0.0, below)).clamp(0.0, 1.0);
            (score * 100.0).round() / 100.0
        };
        let scores = json!({
            "call_type_confidence": score(0.05), "sale_result_confidence": score(0.08),
            "product_classification_confidence": score(0.12), "overall_confidence": score(0.02),
        });
        let delivery = self.delivery.as_ref().map(|delivery| {
            json!({ "carrier": delivery.carrier, "customer_action": delivery.action, "reason_for_call": delivery.reasons })
        });
        json!({
            "call_type": self.call_types, "sale_result": self.sale_result, "no_sale_reasons": self.no_sale_reasons,
            "product_family": self.product_family, "product_category_detail": self.details,
            "problems_detected": self.problems, "delivery_tracking": delivery,
            "agent_name": self.says_name.then_some(agent.first_name), "escalation_actions": [self.escalation],
            "confidence_scores": scores,
        })
    }
}

fn call_types(skill: &str) -> [(&'static str, f64); 8] {
    let [
        product,
        parts,
        order,
        support,
        technical,
        warranty,
        complaint,
        general,
    ] = match skill {
        "Sales" => [38.0, 14.0, 26.0, 6.0, 5.0, 2.0, 1.0, 8.0],
        "Parts" => [16.0, 44.0, 18.0, 5.0, 9.0, 3.0, 1.0, 4.0],
        "Orders" => [6.0, 4.0, 9.0, 58.0, 3.0, 6.0, 7.0, 7.0],
        "Returns" => [2.0, 4.0, 2.0, 16.0, 9.0, 48.0, 16.0, 3.0],
        _ => [7.0, 15.0, 3.0, 3.0, 58.0, 8.0, 3.0, 3.0],
    };
    [
        ("product_enquiry", product),
        ("parts_identification", parts),
        ("order_placement", order),
        ("order_support", support),
        ("technical_support", technical),
        ("warranty_or_return", warranty),
        ("complaint", complaint),
        ("general_enquiry", general),
    ]
}

fn family(chance: &mut Chance, date: NaiveDate, call_type: &str) -> &'static str {
    if call_type == "general_enquiry" && chance.happens(0.7) {
        return "other";
    }
    // The south's summer: 1 at its height in January, -1 in July.
    let summer = (f64::from(date.ordinal()) / 365.0 * std::f64::consts::TAU - 0.3).cos();
    chance.weighted(
        &FAMILIES.map(|(family, weight, season)| (family, weight * (1.0 + season * summer))),
    )
}

fn details(chance: &mut Chance, family: &str) -> Vec<&'static str> {
    let known = DETAILS.iter().find(|(name, _)| *name == family);
    let known = known.map_or(&["other"][..], |(_, details)| details);
    let first = known[chance.skewed(known.len())];
    let second = known[chance.below(known.len())];
    match second != first && chance.happens(0.25) {
        true => vec![first, second],
        false => vec![first],
    }
}

fn sale_result(chance: &mut Chance, call_type: &str, family: &str, agent: &Agent) -> &'static str {
    let is_for_sale = match call_type {
        "order_placement" => 1.0,
        "product_enquiry" | "parts_identification" => 0.93,
        "technical_support" => 0.12,
        _ => 0.04,
    };
    if !chance.happens(is_for_sale) {
        return "not_sales_call";
    }
    // Dear things are thought over, and parts of all makes are often not there.
    let (dear, missing) = match family {
        "engines_generators" | "log_equipment" => (0.16, 0.0),
        "pumps_water_equipment" | "fencing" => (0.05, 0.1),
        "other" => (0.1, 0.25),
        _ => (0.0, 0.04),
    };
    let sold = match call_type {
        "order_placement" => 0.78,
        "parts_identification" => 0.44,
        _ => 0.3,
    };
    let sold = (sold + agent.selling - dear - missing).clamp(0.03, 0.95);
    let others = [
        ("sale_intended", 0.3),
        ("no_sale_customer_declined", 0.42 + dear),
        ("no_sale_business_unable", 0.28 + missing),
    ];
    match chance.happens(sold) {
        true => "sale_completed",
        false => chance.weighted(&others),
    }
}

fn no_sale_reasons(chance: &mut Chance, sale_result: &str, family: &str) -> Vec<&'static str> {
    let is_heavy = matches!(
        family,
        "log_equipment" | "pumps_water_equipment" | "engines_generators"
    );
    let weights: &[(&str, f64)] = match sale_result {
        "no_sale_customer_declined" => &[
            ("price_objection", 30.0),
            ("freight_objection", if is_heavy { 26.0 } else { 7.0 }),
            ("customer_undecided", 34.0),
            ("competitor_mention", 12.0),
            ("technical_uncertainty", 14.0),
            ("other_customer_reason", 6.0),
        ],
        "no_sale_business_unable" => &[
            ("out_of_stock", 52.0),
            ("not_in_range", if family == "other" { 60.0 } else { 24.0 }),
            ("cannot_confirm_compatibility", 17.0),
            ("other_business_reason", 5.0),
        ],
        _ => return Vec::new(),
    };
    let first = chance.weighted(weights);
    let second = chance.weighted(weights);
    match second != first && chance.happens(0.3) {
        true => vec![first, second],
        false => vec![first],
    }
}

/// Parcels stand still before Christmas, and stood still in a strike.
fn delivery(chance: &mut Chance, date: NaiveDate) -> Option<Delivery> {
    if !chance.happens(0.74) {
        return None;
    }
    let is_strike = (date.year(), date.month()) == (2026, 8) && (10..=21).contains(&date.day());
    let is_christmas = date.month() == 12 && (8..=24).contains(&date.day());
    let startrack = if is_strike { 90.0 } else { 30.0 };
    let carriers = [
        ("auspost", 46.0),
        ("startrack", startrack),
        ("other_carrier", 10.0),
        ("unknown_carrier", 11.0),
    ];
    let late = if is_strike || is_christmas { 3.0 } else { 1.0 };
    let actions = [
        ("checked_tracking_needs_help", 34.0),
        ("cant_find_tracking", 18.0),
        ("hasnt_checked_tracking", 16.0),
        ("parcel_overdue", 20.0 * late),
        ("unclear", 8.0),
    ];
    let reasons = [
        ("no_movement_on_tracking", 26.0 * late),
        ("delivery_timeframe_concern", 28.0 * late),
        ("failed_delivery_attempt", 13.0),
        ("wrong_address_supplied", 6.0),
        ("parcel_damaged_lost", 8.0),
        ("general_tracking_question", 20.0),
        ("other", 4.0),
    ];
    let carrier = chance.weighted(&carriers);
    let action = chance.weighted(&actions);
    let reasons = vec![chance.weighted(&reasons)];
    Some(Delivery {
        carrier,
        action,
        reasons,
    })
}

fn problems(
    chance: &mut Chance,
    call_types: &[&str],
    agent: &Agent,
    delivery: Option<&Delivery>,
) -> Vec<&'static str> {
    let is = |call_type: &str| call_types.contains(&call_type);
    let overdue = delivery.is_some_and(|delivery| delivery.action == "parcel_overdue");
    let startrack = delivery.is_some_and(|delivery| delivery.carrier == "startrack");
    let frustrated = match () {
        () if is("complaint") => 0.82,
        () if overdue => 0.42,
        () => 0.035,
    };
    let likely = [
        (
            "customer_frustrated",
            frustrated + if startrack { 0.12 } else { 0.0 } - agent.warmth * 0.15,
        ),
        (
            "wrong_part_supplied",
            if is("warranty_or_return") {
                0.31
            } else {
                0.012
            },
        ),
        (
            "quality_concern",
            if is("warranty_or_return") || is("complaint") {
                0.33
            } else {
                0.02
            },
        ),
        (
            "staff_knowledge_gap",
            agent.knowledge_gap * if is("technical_support") { 2.5 } else { 1.0 },
        ),
        (
            "call_transferred",
            if is("technical_support") { 0.2 } else { 0.06 },
        ),
        ("other", 0.012),
    ];
    likely
        .into_iter()
        .filter(|(_, probability)| chance.happens(*probability))
        .map(|(problem, _)| problem)
        .collect()
}

fn escalation(chance: &mut Chance, call_type: &str, problems: &[&str]) -> &'static str {
    let gap = problems.contains(&"staff_knowledge_gap");
    let [mechanic, consult, manager, general, other] = match call_type {
        "technical_support" => [17.0, 9.0, 1.0, 6.0, 2.0],
        "complaint" => [2.0, 1.0, 26.0, 18.0, 4.0],
        "warranty_or_return" => [5.0, 3.0, 7.0, 14.0, 4.0],
        "parts_identification" if gap => [14.0, 20.0, 1.0, 12.0, 2.0],
        "order_support" => [0.0, 0.0, 2.0, 13.0, 3.0],
        _ => [1.0, 1.0, 0.3, 5.0, 1.0],
    };
    chance.weighted(&[
        ("mechanic_callback_promised", mechanic),
        ("mechanic_consult_then_callback", consult),
        ("manager_escalation", manager),
        ("general_callback_promised", general),
        ("other_escalation", other),
        ("none", 68.0),
    ])
}

fn sentiment(chance: &mut Chance, sale_result: &str, problems: &[&str], agent: &Agent) -> f64 {
    let sale = match sale_result {
        "sale_completed" => 0.2,
        "sale_intended" => 0.12,
        "no_sale_business_unable" => -0.08,
        _ => 0.0,
    };
    let trouble: f64 = problems
        .iter()
        .map(|problem| match *problem {
            "customer_frustrated" => 0.55,
            "quality_concern" | "wrong_part_supplied" => 0.18,
            _ => 0.06,
        })
        .sum();
    (chance.around(0.14, 0.16) + sale - trouble + agent.warmth).clamp(-0.98, 0.98)
}
