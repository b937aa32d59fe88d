//! The sentences. A gap such as `{part}` is filled for each call.

/// What people say who ring for one purpose.
pub(crate) struct Purpose {
    call_type: &'static str,
    pub(crate) subject: &'static str,
    pub(crate) intent: &'static str,
    pub(crate) wishes: &'static [&'static str],
    pub(crate) exchanges: &'static [(&'static str, &'static str)],
}

pub(crate) fn purpose(call_type: &str) -> &'static Purpose {
    let known = PURPOSES
        .iter()
        .find(|purpose| purpose.call_type == call_type);
    known.unwrap_or(&PURPOSES[7])
}

static PURPOSES: [Purpose; 8] = [
    Purpose {
        call_type: "product_enquiry",
        subject: "Price and stock of the {product}",
        intent: "Ask about a product",
        wishes: &[
            "Hi, I am looking at the {product} on your website and I wanted to know if you have any in stock.",
            "Good morning. What is the price of the {product}, and what does freight to {town} come to?",
            "Yeah hello, I have a few acres near {town} and I need something with a bit of grunt. Is the {product} any good?",
        ],
        exchanges: &[
            (
                "What would you be using it for mostly?",
                "Firewood and a bit of clearing along the fence line, nothing commercial.",
            ),
            (
                "We have eleven of the {product} in the warehouse at the moment.",
                "Righto, and does it come with a {part}?",
            ),
            (
                "It comes with a twelve month warranty and we carry every {part} for it.",
                "That is good to know, the last one I had you could not get parts for.",
            ),
            (
                "Freight to {town} is thirty five dollars with {carrier}.",
                "That is a bit more than I thought, to be honest.",
            ),
        ],
    },
    Purpose {
        call_type: "parts_identification",
        subject: "Which {part} fits the {product}",
        intent: "Find the right part",
        wishes: &[
            "G'day mate, I need a {part} for a {product} and I am not sure which one fits.",
            "Hello, it is {customer} from {town}. The {part} on my {product} is worn out. What is the number for it?",
            "I am after a {part}. The machine is a {product}, maybe five years old.",
        ],
        exchanges: &[
            (
                "Can you read me the serial number from the plate?",
                "Hang on, it is under the oil. It says {order}.",
            ),
            (
                "Is the {part} the one with two bolts or with three?",
                "Three, and a little notch on the side.",
            ),
            (
                "There were two versions of the {product}. Which colour is the handle?",
                "Orange, well, it was orange once.",
            ),
            (
                "I will send you a picture so that you can compare.",
                "Good idea, send it to my mobile.",
            ),
        ],
    },
    Purpose {
        call_type: "order_placement",
        subject: "Order of a {part} for the {product}",
        intent: "Place an order",
        wishes: &[
            "Hi there, I would like to order a {part} for the {product} please.",
            "Hello, can I place an order over the phone? The website would not take my card.",
            "It is {customer} again from {town}. I will take two of the {part} that we talked about.",
        ],
        exchanges: &[
            (
                "What name is the order under?",
                "{customer}, and the address is the same as last time, in {town}.",
            ),
            (
                "And is that going to a house or a depot?",
                "To the house, please leave it on the verandah.",
            ),
            (
                "That comes to eighty four dollars and fifty cents with postage.",
                "No worries, I have the card here.",
            ),
            (
                "Would you like a spare {part} with it while we are at it?",
                "Go on then, put one in.",
            ),
        ],
    },
    Purpose {
        call_type: "order_support",
        subject: "Delivery of order {order} by {carrier}",
        intent: "Find out where a parcel is",
        wishes: &[
            "Hi, I am ringing about order {order}. It was meant to be here last week.",
            "Hello, my parcel with {carrier} has not moved in six days. Can you tell me where it is?",
            "It is {customer} in {town}. I got an email that my order was sent and then nothing.",
        ],
        exchanges: &[
            (
                "Let me look at the tracking. It was scanned in {town} on Tuesday.",
                "That is what it says here too, but nobody has come.",
            ),
            (
                "I can see that {carrier} tried to deliver it and left a card.",
                "There was no card. I was home all day.",
            ),
            (
                "Is the address on the order still right?",
                "Yes, that is right. They found it last time.",
            ),
            (
                "I will lodge an enquiry with {carrier} for you now.",
                "How long does that take, do you reckon?",
            ),
        ],
    },
    Purpose {
        call_type: "technical_support",
        subject: "The {product} does not run",
        intent: "Get help with a machine",
        wishes: &[
            "Hello, I have put the new {part} on my {product} and now it will not start.",
            "G'day, my {product} runs for five minutes and then dies. I have changed the {part} already.",
            "I need a hand to set up the {product}. The instructions make no sense to me.",
        ],
        exchanges: &[
            (
                "Did you check the {part} for dirt?",
                "I cleaned it twice, and the filter as well.",
            ),
            (
                "Does it start with the choke on?",
                "It coughs and then it floods.",
            ),
            (
                "Is there a spark when you pull it over?",
                "A weak one, more orange than blue.",
            ),
            (
                "Back off the screw by half a turn and try again.",
                "Hang on a second. No, still the same.",
            ),
        ],
    },
    Purpose {
        call_type: "warranty_or_return",
        subject: "Return of a {part} for the {product}",
        intent: "Return or exchange a product",
        wishes: &[
            "Hi, you sent me a {part} and it does not fit my {product}. I want to send it back.",
            "Hello, my {product} is only four months old and the {part} has cracked.",
            "It is {customer} here. I want to make a warranty claim on order {order}.",
        ],
        exchanges: &[
            (
                "Can you send us a photo of the {part}?",
                "I can do that tonight when my daughter is home.",
            ),
            (
                "Was it fitted by a workshop or by yourself?",
                "By myself, I have done it a dozen times.",
            ),
            (
                "We will email you a label, and you can drop it at the post office in {town}.",
                "And who pays for the freight?",
            ),
            (
                "Once it is back we will exchange it or refund you.",
                "I would rather have the right one than the money.",
            ),
        ],
    },
    Purpose {
        call_type: "complaint",
        subject: "Complaint about order {order}",
        intent: "Complain",
        wishes: &[
            "I want to speak to somebody about order {order}, because I have had enough.",
            "This is the third time I ring about the {product}. Nobody ever calls back.",
            "It is {customer} from {town}, and I am not happy with what you sent me.",
        ],
        exchanges: &[
            (
                "I am sorry to hear that. Can you tell me what happened?",
                "You sent the wrong {part}, then you sent the same wrong one again.",
            ),
            (
                "Who did you speak with last time?",
                "I do not know, a young bloke. He promised to ring back by Friday.",
            ),
            (
                "I understand. Let me see what I can do about it.",
                "That is what the last one said.",
            ),
        ],
    },
    Purpose {
        call_type: "general_enquiry",
        subject: "Opening hours and other questions",
        intent: "Ask a general question",
        wishes: &[
            "Hi, are you open on Saturday?",
            "Hello, is that the hardware shop in {town}?",
            "Good afternoon, could I speak to {customer} in accounts please?",
        ],
        exchanges: &[
            (
                "We are open from eight until four during the week.",
                "And can I come and pick things up?",
            ),
            (
                "I think that you have the wrong number.",
                "Oh sorry, I was after somebody else.",
            ),
        ],
    },
];

pub(crate) const GREETINGS: [&str; 4] = [
    "Good day, you are speaking with {agent}. How can I help?",
    "Thanks for calling, this is {agent}.",
    "Hello, {agent} speaking, what can I do for you today?",
    "Good morning, thanks for holding. How can I help?",
];

/// What is said on calls of all kinds.
pub(crate) const ASIDES: &[(&str, &str)] = &[
    (
        "Can I just put you on hold for a moment?",
        "Yeah, no worries.",
    ),
    (
        "Thanks for waiting, are you still there?",
        "Still here, just watering the dogs.",
    ),
    (
        "What is the weather like in {town}?",
        "Hot as, and the flies are terrible.",
    ),
    (
        "Could you spell your name for me?",
        "{customer}, as it sounds.",
    ),
    (
        "And the best number to reach you?",
        "The one that I am ringing from.",
    ),
    (
        "Bear with me, the computer is slow today.",
        "Take your time, I have a cup of tea.",
    ),
    (
        "Was there anything else?",
        "No, actually, yes. Do you have a {part} as well?",
    ),
    (
        "How did you hear about us?",
        "My neighbour in {town} swears by you.",
    ),
    (
        "Sorry, you are breaking up.",
        "Is that better? The reception is bad out here.",
    ),
];

pub(crate) const CUSTOMER_FRUSTRATED: &[&str] = &[
    "This is really not good enough, I have been waiting for three weeks.",
    "I am sick of being passed around, honestly.",
    "It is ridiculous. I could have driven to {town} and back by now.",
];

pub(crate) const CLOSINGS: &[(&str, &str)] = &[
    (
        "Beautiful, thanks for your help.",
        "No worries, have a good one.",
    ),
    ("Alright, thank you. Bye.", "Thank you, bye."),
    (
        "Okay, I will leave it with you.",
        "Thanks for calling, {customer}. Goodbye.",
    ),
    ("Too easy, cheers mate.", "Cheers, take care."),
];

/// How a call ends, in the agent's words.
pub(crate) fn result(sale_result: &str, escalation: &str) -> Vec<&'static str> {
    let sale = match sale_result {
        "sale_completed" => {
            Some("Payment has gone through, and you will get an email with the tracking number.")
        }
        "sale_intended" => Some(
            "No worries, I will keep the quote for {customer} in the system until you ring back.",
        ),
        "no_sale_customer_declined" => Some("That is fine, have a think about it and let us know."),
        "no_sale_business_unable" => {
            Some("I am sorry, we can not help with that one at the moment.")
        }
        _ => None,
    };
    let promise = match escalation {
        "mechanic_callback_promised" => {
            Some("I will get one of the mechanics to give you a ring this afternoon.")
        }
        "mechanic_consult_then_callback" => {
            Some("Let me ask the workshop about the {part} and call you back.")
        }
        "manager_escalation" => Some("I am going to pass this on to my manager today."),
        "general_callback_promised" => Some("Somebody will call you back by tomorrow."),
        "other_escalation" => Some("I have sent an email to the warehouse about order {order}."),
        _ => None,
    };
    sale.into_iter().chain(promise).collect()
}

pub(crate) const CARRIERS: [(&str, &str); 3] = [
    ("startrack", "StarTrack"),
    ("auspost", "Australia Post"),
    ("other_carrier", "the courier"),
];

/// The first ones are asked for most.
pub(crate) const PRODUCTS: [(&str, &[&str]); 9] = [
    (
        "chainsaw_related",
        &[
            "chainsaw",
            "farm saw",
            "top handle saw",
            "pole saw",
            "saw mill",
        ],
    ),
    (
        "outdoor_power_equipment",
        &[
            "brushcutter",
            "mower",
            "multi tool",
            "pressure washer",
            "post hole digger",
            "rotary hoe",
            "tiller",
        ],
    ),
    (
        "engines_generators",
        &["generator", "stationary engine", "inverter generator"],
    ),
    (
        "pumps_water_equipment",
        &["fire pump", "transfer pump", "water trough", "trash pump"],
    ),
    (
        "fencing",
        &["fence energiser", "solar energiser", "fence tester"],
    ),
    (
        "weed_sprayers",
        &["backpack sprayer", "quad bike sprayer", "spot sprayer"],
    ),
    ("log_equipment", &["log splitter", "swing saw"]),
    (
        "power_tools",
        &["battery blower", "battery hedge trimmer", "impact driver"],
    ),
    ("other", &["machine", "trailer", "ride on"]),
];

/// The first ones are asked for most.
pub(crate) const PARTS: [&str; 44] = [
    "carburettor",
    "chain",
    "bar",
    "fuel filter",
    "air filter",
    "spark plug",
    "starter cord",
    "recoil starter",
    "clutch drum",
    "sprocket",
    "piston",
    "gasket",
    "fuel cap",
    "ignition coil",
    "muffler",
    "drive belt",
    "blade",
    "trimmer head",
    "throttle cable",
    "oil pump",
    "crankshaft",
    "cylinder",
    "bearing",
    "primer bulb",
    "brake band",
    "flywheel",
    "impeller",
    "diaphragm",
    "nozzle",
    "lance",
    "insulator",
    "joint clamp",
    "wheel hub",
    "hydraulic ram",
    "valve spring",
    "rocker cover",
    "governor spring",
    "choke lever",
    "decompression valve",
    "anti vibration mount",
    "worm gear",
    "scabbard",
    "depth gauge",
    "felling wedge",
];

/// The first ones are rung from most.
pub(crate) const TOWNS: [&str; 60] = [
    "Toowoomba",
    "Ballarat",
    "Dubbo",
    "Bendigo",
    "Tamworth",
    "Rockhampton",
    "Orange",
    "Mildura",
    "Wagga",
    "Gympie",
    "Armidale",
    "Bundaberg",
    "Mackay",
    "Shepparton",
    "Albury",
    "Kingaroy",
    "Lismore",
    "Traralgon",
    "Mudgee",
    "Warwick",
    "Horsham",
    "Bega",
    "Emerald",
    "Kempsey",
    "Roma",
    "Colac",
    "Gunnedah",
    "Stanthorpe",
    "Parkes",
    "Cooma",
    "Naracoorte",
    "Esperance",
    "Katherine",
    "Moree",
    "Narrabri",
    "Hamilton",
    "Swan Hill",
    "Cowra",
    "Yass",
    "Griffith",
    "Inverell",
    "Charleville",
    "Longreach",
    "Burnie",
    "Smithton",
    "Manjimup",
    "Narrogin",
    "Moora",
    "Clare",
    "Ceduna",
    "Kununurra",
    "Winton",
    "Birdsville",
    "Bourke",
    "Coonabarabran",
    "Goondiwindi",
    "Jandowae",
    "Murgon",
    "Ouyen",
    "Zeehan",
];
