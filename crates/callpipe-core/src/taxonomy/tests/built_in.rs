//! The taxonomy that comes with the program is the contract that tables and reports are built on.

use crate::taxonomy::{Label, Rule, Section, Taxonomy, prompt, schema};

fn words(labels: &[Label]) -> String {
    let values: Vec<&str> = labels.iter().map(|label| label.value.as_str()).collect();
    values.join(" ")
}

fn line(section: &Section) -> String {
    let field = &section.field;
    let condition = match &section.only_when {
        Some(condition) => format!(
            " when {} is {}",
            condition.field,
            condition.any_of.join("|")
        ),
        None => String::new(),
    };
    match &section.rule {
        Rule::Label { labels } => format!("{field} 1{condition}: {}", words(labels)),
        Rule::Labels {
            labels,
            at_least,
            at_most,
            none_label,
        } => {
            let none_label = none_label.as_deref().unwrap_or("-");
            format!(
                "{field} {at_least}..{at_most} none={none_label}{condition}: {}",
                words(labels)
            )
        }
        Rule::Text { chars_max } => format!("{field} text {chars_max}{condition}"),
        Rule::Scores { names } => format!("{field} scores{condition}: {}", words(names)),
        Rule::Group { parts } => {
            let parts: Vec<String> = parts.iter().map(line).collect();
            format!("{field} group{condition} {{ {} }}", parts.join("; "))
        }
    }
}

#[test]
fn has_exactly_the_sections_and_values_that_were_agreed() {
    let taxonomy = Taxonomy::built_in();
    let lines: Vec<String> = taxonomy.sections.iter().map(line).collect();
    let agreed = [
        "call_type 1..2 none=-: product_enquiry parts_identification order_placement order_support \
         technical_support warranty_or_return complaint general_enquiry",
        "sale_result 1: sale_completed sale_intended no_sale_customer_declined \
         no_sale_business_unable not_sales_call",
        "no_sale_reasons 0..10 none=- when sale_result is \
         no_sale_customer_declined|no_sale_business_unable: price_objection freight_objection \
         customer_undecided competitor_mention technical_uncertainty other_customer_reason \
         out_of_stock not_in_range cannot_confirm_compatibility other_business_reason",
        "product_family 1: chainsaw_related outdoor_power_equipment engines_generators \
         pumps_water_equipment fencing weed_sprayers log_equipment power_tools other",
        "product_category_detail 0..3 none=-: chainsaws_complete_units chainsaw_spare_parts \
         chainsaw_accessories protective_clothing_equipment chainsaw_milling_equipment generators \
         lawn_mower_parts log_splitter_swing_saw petrol_multi_tool post_hole_digger \
         pressure_washer_rotary_hoe_tiller weed_sprayers electric_fence_energisers \
         electric_fence_equipment_other stationary_engines zomax_58v_tools honda_copy_engine_parts \
         water_pumps_hoses_accessories water_troughs other",
        "problems_detected 0..6 none=-: customer_frustrated wrong_part_supplied quality_concern \
         staff_knowledge_gap call_transferred other",
        "delivery_tracking group when call_type is order_support { carrier 1: startrack auspost \
         other_carrier unknown_carrier; customer_action 1: checked_tracking_needs_help \
         cant_find_tracking hasnt_checked_tracking parcel_overdue unclear; reason_for_call 0..7 \
         none=-: no_movement_on_tracking delivery_timeframe_concern failed_delivery_attempt \
         wrong_address_supplied parcel_damaged_lost general_tracking_question other }",
        "agent_name text 60",
        "escalation_actions 1..6 none=none: mechanic_callback_promised \
         mechanic_consult_then_callback manager_escalation general_callback_promised \
         other_escalation none",
        "confidence_scores scores: call_type_confidence sale_result_confidence \
         product_classification_confidence overall_confidence",
    ];
    assert_eq!(lines, agreed);
    assert_eq!(taxonomy.version, "v1.0");
}

#[test]
fn every_label_is_in_the_prompt_and_in_the_schema() {
    let taxonomy = Taxonomy::built_in();
    let instruction = prompt::instruction(&taxonomy);
    let schema = schema::schema(&taxonomy);
    let mut seen = 0;
    for section in &taxonomy.sections {
        seen += look_for(section, &instruction, &schema["properties"]);
    }
    assert_eq!(seen, 8 + 5 + 10 + 9 + 20 + 6 + 4 + 5 + 7 + 6 + 4);
}

fn look_for(section: &Section, instruction: &str, properties: &serde_json::Value) -> usize {
    let property = &properties[section.field.as_str()];
    let (labels, place) = match &section.rule {
        Rule::Label { labels } => (labels, &property["enum"]),
        Rule::Labels { labels, .. } => (labels, &property["items"]["enum"]),
        Rule::Scores { names } => (names, &property["required"]),
        Rule::Text { .. } => return 0,
        Rule::Group { parts } => {
            return parts
                .iter()
                .map(|part| look_for(part, instruction, &property["properties"]))
                .sum();
        }
    };
    let values: Vec<&str> = labels.iter().map(|label| label.value.as_str()).collect();
    assert_eq!(*place, serde_json::json!(values));
    for value in &values {
        let is_told = instruction
            .lines()
            .map(str::trim)
            .any(|line| line == format!("- {value}") || line.starts_with(&format!("- {value}: ")));
        assert!(is_told, "{value} is missing");
    }
    values.len()
}

#[test]
fn its_text_is_a_beginning_for_ones_own() {
    let own = Taxonomy::parse(Taxonomy::built_in_text()).unwrap();
    assert_eq!(own, Taxonomy::built_in());
}
