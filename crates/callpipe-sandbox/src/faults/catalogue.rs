//! Every fault, its name, where it strikes, and one line about it.

use std::fmt;

/// The place in a fake where a fault can strike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    /// CXone's token endpoint.
    Token,
    /// CXone's playback metadata.
    Metadata,
    /// CXone's report of completed contacts.
    Report,
    /// The address that the metadata gives for a recording.
    MediaAddress,
    /// The download itself.
    Media,
    /// Deepgram.
    Listen,
    /// Gemini.
    Generate,
    /// The server with OpenAI's API.
    Chat,
    /// A request there that names a schema.
    ChatSchema,
    /// A request there that names any form of the answer.
    ChatForm,
    /// A request there with the older name of the limit.
    ChatOldLimit,
    /// Cloud Storage.
    Storage,
    /// Whoever is asked.
    Any,
}

macro_rules! catalogue {
    ($($kind:ident, $name:literal, $point:ident, $about:literal;)+) => {
        /// What can go wrong. The name of each is shown by [`FaultKind::name`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum FaultKind {
            $(#[doc = concat!("`", $name, "`: ", $about)] $kind,)+
        }

        impl FaultKind {
            /// Every kind, grouped by system.
            pub const ALL: &[FaultKind] = &[$(FaultKind::$kind),+];

            /// The name in the fault grammar.
            pub fn name(self) -> &'static str {
                match self { $(FaultKind::$kind => $name),+ }
            }

            /// One line for people.
            pub fn about(self) -> &'static str {
                match self { $(FaultKind::$kind => $about),+ }
            }

            pub(crate) fn point(self) -> Point {
                match self { $(FaultKind::$kind => Point::$point),+ }
            }
        }
    };
}

catalogue! {
    Token401, "cxone.token_401", Token, "the token endpoint answers 401";
    TokenInvalidClient, "cxone.token_invalid_client", Token, "400 invalid_client";
    TokenInvalidGrant, "cxone.token_invalid_grant", Token, "400 invalid_grant";
    Token500, "cxone.token_500", Token, "the token endpoint answers 500";
    TokenConnectionReset, "cxone.token_connection_reset", Token, "the connection is reset";
    Metadata401Once, "cxone.metadata_401_once", Metadata, "401, and the token is void from now on";
    Metadata403, "cxone.metadata_403", Metadata, "403: the user may not play recordings";
    Metadata404Pending, "cxone.metadata_404_pending", Metadata, "404, as for a call that is not filed yet";
    Metadata429, "cxone.metadata_429", Metadata, "429 (retry_after_s= adds the header)";
    Metadata500, "cxone.metadata_500", Metadata, "500 with an internal code";
    Metadata503, "cxone.metadata_503", Metadata, "503 from the gateway (retry_after_s= adds the header)";
    MetadataMalformedJson, "cxone.metadata_malformed_json", Metadata, "200 with JSON that ends in the middle";
    Metadata404Gateway, "cxone.metadata_404_gateway", Metadata, "404 with a line of text: the service is being replaced";
    MetadataEmptyObject, "cxone.metadata_empty_object", Metadata, "200 with an object in which nothing is";
    MetadataHtml, "cxone.metadata_html", Metadata, "200 with a login page instead of JSON";
    MetadataNullLists, "cxone.metadata_null_lists", Metadata, "every list beside the interactions is null";
    MetadataSlow, "cxone.metadata_slow", Metadata, "the answer takes delay_ms longer";
    ConnectionReset, "cxone.connection_reset", Metadata, "the connection is reset before an answer";
    Report429, "cxone.report_429", Report, "the report of contacts answers 429 (retry_after_s= adds the header)";
    Report500, "cxone.report_500", Report, "the report of contacts answers 500";
    Report503, "cxone.report_503", Report, "the report of contacts answers 503 (retry_after_s= adds the header)";
    ReportMalformedJson, "cxone.report_malformed_json", Report, "the report of contacts ends in the middle";
    ReportConnectionReset, "cxone.report_connection_reset", Report, "the connection is reset";
    MediaWrongHost, "media.wrong_host", MediaAddress, "the metadata names a host that is not the vendor's";
    MediaCutBody, "media.cut_body", Media, "half of what Content-Length promises, then the connection ends";
    MediaCutChunked, "media.cut_chunked", Media, "no Content-Length, half of the body, no last chunk";
    MediaExpiredUrl, "media.expired_url", Media, "403: the address has expired";
    Media403, "media.403", Media, "403 AccessDenied";
    Media500, "media.500", Media, "500 InternalError";
    Media503SlowDown, "media.503_slow_down", Media, "503 SlowDown (retry_after_s= adds the header)";
    MediaEmptyBody, "media.empty_body", Media, "200 without a byte";
    MediaRedirectElsewhere, "media.redirect_elsewhere", Media, "302 to another host name; following it is a violation";
    MediaConnectionReset, "media.connection_reset", Media, "the connection is reset before an answer";
    MediaSlow, "media.slow", Media, "the answer takes delay_ms longer";
    Deepgram400Corrupt, "deepgram.400_corrupt", Listen, "400: corrupt or unsupported data";
    DeepgramRemoteContentError, "deepgram.remote_content_error", Listen, "400 REMOTE_CONTENT_ERROR";
    Deepgram401, "deepgram.401", Listen, "401 INVALID_AUTH";
    Deepgram402, "deepgram.402", Listen, "402 ASR_PAYMENT_REQUIRED";
    Deepgram403, "deepgram.403", Listen, "403 INSUFFICIENT_PERMISSIONS";
    Deepgram408, "deepgram.408", Listen, "408 SLOW_UPLOAD";
    Deepgram422, "deepgram.422", Listen, "422 ASR_UNPROCESSABLE_ENTITY: the audio ended early";
    Deepgram429, "deepgram.429", Listen, "429 TOO_MANY_REQUESTS (retry_after_s= adds the header)";
    Deepgram500, "deepgram.500", Listen, "500";
    Deepgram502, "deepgram.502", Listen, "502 with an HTML page";
    Deepgram503, "deepgram.503", Listen, "503 (retry_after_s= adds the header)";
    Deepgram504, "deepgram.504", Listen, "504: processing took too long";
    DeepgramPlainTextError, "deepgram.plain_text_error", Listen, "500 in plain text";
    DeepgramText, "deepgram.text", Listen, "200 with a gateway's line of text, unpaid";
    DeepgramHtml, "deepgram.html", Listen, "200 with a login page instead of JSON, unpaid";
    DeepgramMalformedJson, "deepgram.malformed_json", Listen, "paid, and the JSON ends in the middle";
    DeepgramCutReply, "deepgram.cut_reply", Listen, "paid, and the connection ends in the middle";
    DeepgramEmptyBody, "deepgram.empty_body", Listen, "paid, and 200 without a byte";
    DeepgramMissingSections, "deepgram.missing_sections", Listen, "paid, without utterances and language features";
    DeepgramWrappedTopics, "deepgram.wrapped_topics", Listen, "topics and intents wrapped once more, as the OpenAPI file has them";
    DeepgramAbsurdNumbers, "deepgram.absurd_numbers", Listen, "negative times, confidences beyond 1";
    DeepgramSlow, "deepgram.slow", Listen, "the answer takes delay_ms longer";
    DeepgramConnectionReset, "deepgram.connection_reset", Listen, "the connection is reset before an answer, unpaid";
    Gemini400, "gemini.400", Generate, "400 INVALID_ARGUMENT without a reason";
    GeminiSchemaTooComplex, "gemini.schema_too_complex", Generate, "400: the schema has too many states";
    Gemini401Once, "gemini.401_once", Generate, "401 UNAUTHENTICATED";
    Gemini403, "gemini.403", Generate, "403 PERMISSION_DENIED";
    Gemini404Retired, "gemini.404_retired", Generate, "404, as for a retired model (model= says which)";
    Gemini429, "gemini.429", Generate, "429 RESOURCE_EXHAUSTED (retry_after_s= adds the header)";
    Gemini500, "gemini.500", Generate, "500 INTERNAL";
    Gemini503, "gemini.503", Generate, "503 UNAVAILABLE (retry_after_s= adds the header)";
    Gemini504, "gemini.504", Generate, "504 DEADLINE_EXCEEDED";
    GeminiHtml, "gemini.html", Generate, "200 with a login page instead of JSON, unpaid";
    GeminiBlockedPrompt, "gemini.blocked_prompt", Generate, "200 with promptFeedback and no candidate";
    GeminiBlockedCandidate, "gemini.blocked_candidate", Generate, "finishReason SAFETY, no content";
    GeminiRecitation, "gemini.recitation", Generate, "finishReason RECITATION, no content";
    GeminiMaxTokens, "gemini.max_tokens", Generate, "finishReason MAX_TOKENS, the JSON is cut";
    GeminiFenced, "gemini.fenced", Generate, "the JSON stands in a Markdown fence";
    GeminiProseAround, "gemini.prose_around", Generate, "sentences before and after the JSON";
    GeminiOffList, "gemini.off_list", Generate, "a label that is on no list";
    GeminiTooManyLabels, "gemini.too_many_labels", Generate, "more labels than a section allows";
    GeminiConditionViolated, "gemini.condition_violated", Generate, "a section is filled that the others rule out";
    GeminiMissingSection, "gemini.missing_section", Generate, "a required section is left out";
    GeminiMalformedJson, "gemini.malformed_json", Generate, "the model's text is not JSON";
    GeminiEmptyText, "gemini.empty_text", Generate, "one part with an empty text";
    GeminiThoughtOnly, "gemini.thought_only", Generate, "nothing but thought parts";
    GeminiNoCandidates, "gemini.no_candidates", Generate, "an empty list of candidates";
    GeminiCutReply, "gemini.cut_reply", Generate, "paid, and the connection ends in the middle";
    GeminiSlow, "gemini.slow", Generate, "the answer takes delay_ms longer";
    OpenAi400, "openai.400", Chat, "400 invalid_request_error without a reason";
    OpenAi401, "openai.401", Chat, "401 invalid_api_key";
    OpenAi403, "openai.403", Chat, "403";
    OpenAiModelNotFound, "openai.model_not_found", Chat, "404 model_not_found (model= says which)";
    OpenAi429, "openai.429", Chat, "429 rate_limit_exceeded (retry_after_s= adds the header)";
    OpenAiInsufficientQuota, "openai.insufficient_quota", Chat, "429 insufficient_quota: the credit is used up";
    OpenAi500, "openai.500", Chat, "500 server_error";
    OpenAi503Loading, "openai.503_loading", Chat, "503: the model is being loaded";
    OpenAiHtml, "openai.html", Chat, "200 with a login page instead of JSON, unpaid";
    OpenAiErrorIn200, "openai.error_in_200", Chat, "200 with an error 502 in place of choices, unpaid";
    OpenAiContextLength, "openai.context_length", Chat, "400 context_length_exceeded";
    OpenAiRejectsJsonSchema, "openai.rejects_json_schema", ChatSchema, "400 to response_format json_schema";
    OpenAiRejectsResponseFormat, "openai.rejects_response_format", ChatForm, "400 to any response_format";
    OpenAiRejectsMaxTokens, "openai.rejects_max_tokens", ChatOldLimit, "400 to max_tokens, as newer models answer";
    OpenAiRefusal, "openai.refusal", Chat, "a refusal in place of content";
    OpenAiContentFilter, "openai.content_filter", Chat, "finish_reason content_filter";
    OpenAiCutJson, "openai.cut_json", Chat, "finish_reason length, the JSON is cut";
    OpenAiOffList, "openai.off_list", Chat, "a label, or a sentiment, that is on no list";
    OpenAiThinkTags, "openai.think_tags", Chat, "thoughts in tags before the JSON";
    OpenAiThinkEnd, "openai.think_end", Chat, "thoughts before the JSON of which only the end is marked";
    OpenAiFenced, "openai.fenced", Chat, "the JSON stands in a Markdown fence";
    OpenAiProseAround, "openai.prose_around", Chat, "sentences before and after the JSON";
    OpenAiContentParts, "openai.content_parts", Chat, "content is a list of parts, thoughts among them";
    OpenAiEmptyContent, "openai.empty_content", Chat, "an empty content";
    OpenAiNoChoices, "openai.no_choices", Chat, "an empty list of choices";
    OpenAiNoUsage, "openai.no_usage", Chat, "no figures of tokens";
    OpenAiCutReply, "openai.cut_reply", Chat, "paid, and the connection ends in the middle";
    OpenAiSlow, "openai.slow", Chat, "the answer takes delay_ms longer";
    OpenAiConnectionReset, "openai.connection_reset", Chat, "the connection is reset before an answer, unpaid";
    Storage403, "storage.403", Storage, "403 AccessDenied";
    Storage429, "storage.429", Storage, "429 SlowDown (retry_after_s= adds the header)";
    Storage503, "storage.503", Storage, "503 ServiceUnavailable";
    Storage503Stored, "storage.503_stored", Storage, "503 after what was asked for has been done";
    StorageDamagedUpload, "storage.damaged_upload", Storage, "what arrives is not what was sent";
    StorageCorrupted, "storage.corrupted", Storage, "what is stored is not what was sent, and its checksum tells";
    StorageConnectionReset, "storage.connection_reset", Storage, "the connection is reset before an answer";
    GeminiConnectionReset, "gemini.connection_reset", Generate, "the connection is reset before an answer, unpaid";
    Any503, "any.503", Any, "whoever is asked answers 503 and does nothing (retry_after_s= adds the header)";
    AnyConnectionReset, "any.connection_reset", Any, "whoever is asked does nothing, and the connection is reset";
    AnyHang, "any.hang", Any, "whoever is asked does nothing, and the connection is reset after delay_ms";
    AnyLost, "any.lost", Any, "all is done and charged, and the connection is reset instead of an answer";
    AnyCut, "any.cut", Any, "all is done and charged, and the answer ends in the middle";
}

impl fmt::Display for FaultKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
