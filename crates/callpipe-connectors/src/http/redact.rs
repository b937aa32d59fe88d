//! What of an address or a vendor's JSON may be stored or logged.

use serde_json::Value;
use url::Url;

/// An address without its query and fragment, where signatures are.
pub fn without_query(address: &str) -> String {
    match Url::parse(address) {
        Ok(mut url) => {
            url.set_query(None);
            url.set_fragment(None);
            url.into()
        }
        Err(_) => address
            .split(['?', '#'])
            .next()
            .unwrap_or_default()
            .to_owned(),
    }
}

/// Takes the query off every address in a JSON value, however deep.
pub fn strip_signatures(value: &mut Value) {
    match value {
        Value::String(text) if text.contains("://") && text.contains(['?', '#']) => {
            *text = without_query(text)
        }
        Value::Array(items) => items.iter_mut().for_each(strip_signatures),
        Value::Object(object) => object.values_mut().for_each(strip_signatures),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn signatures_leave_at_every_depth() {
        let mut value = json!({"a": [{"url": "https://h/x.mp4?X-Amz-Signature=s"}], "b": "why? because", "c": 1});
        strip_signatures(&mut value);
        assert_eq!(
            value,
            json!({"a": [{"url": "https://h/x.mp4"}], "b": "why? because", "c": 1})
        );
    }
}
