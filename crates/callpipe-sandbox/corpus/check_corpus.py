#!/usr/bin/env python3
"""Check the demo corpus: fields, coverage, sizes, and that the times of corpus.json fit the audio.

    python3 check_corpus.py            exit status 1 and a line per breach when something is wrong
    python3 check_corpus.py --verbose  also what was measured per call

Needs Python 3.11 or newer (standard library only), ffmpeg and ffprobe. What it hears: the files are
decoded, and the loudness of each channel is taken in steps of 10 ms. Each turn has to begin and end
where the sound does, nearly every word has to lie on sound, and a channel has to be quiet outside
of its turns (hold melodies are far below the level of speech). What an MP4 reader that ignores the
edit list would hear (the encoder's priming not cut off) is measured too.
"""

import argparse
import array
import collections
import json
import math
import operator
import pathlib
import re
import subprocess
import sys
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
MAX_TOTAL = 3_800_000
MAX_SHIFT = 0.15  # seconds
STEP = 0.01
LOUD = 10 ** (-38 / 20)

CALL_TYPE = """product_enquiry parts_identification order_placement order_support technical_support
    warranty_or_return complaint general_enquiry""".split()
SALE_RESULT = """sale_completed sale_intended no_sale_customer_declined no_sale_business_unable
    not_sales_call""".split()
CUSTOMER_REASONS = """price_objection freight_objection customer_undecided competitor_mention
    technical_uncertainty other_customer_reason""".split()
BUSINESS_REASONS = """out_of_stock not_in_range cannot_confirm_compatibility
    other_business_reason""".split()
FAMILY = """chainsaw_related outdoor_power_equipment engines_generators pumps_water_equipment fencing
    weed_sprayers log_equipment power_tools other""".split()
DETAIL = """chainsaws_complete_units chainsaw_spare_parts chainsaw_accessories
    protective_clothing_equipment chainsaw_milling_equipment generators lawn_mower_parts
    log_splitter_swing_saw petrol_multi_tool post_hole_digger pressure_washer_rotary_hoe_tiller
    weed_sprayers electric_fence_energisers electric_fence_equipment_other stationary_engines
    zomax_58v_tools honda_copy_engine_parts water_pumps_hoses_accessories water_troughs
    other""".split()
PROBLEMS = """customer_frustrated wrong_part_supplied quality_concern staff_knowledge_gap
    call_transferred other""".split()
CARRIER = "startrack auspost other_carrier unknown_carrier".split()
ACTION = """checked_tracking_needs_help cant_find_tracking hasnt_checked_tracking parcel_overdue
    unclear""".split()
REASON = """no_movement_on_tracking delivery_timeframe_concern failed_delivery_attempt
    wrong_address_supplied parcel_damaged_lost general_tracking_question other""".split()
ESCALATION = """mechanic_callback_promised mechanic_consult_then_callback manager_escalation
    general_callback_promised other_escalation none""".split()
CONFIDENCE = """call_type_confidence sale_result_confidence product_classification_confidence
    overall_confidence""".split()

CALL_FIELDS = """id title audio_file content_type channels duration_s agent_channel agent_name turns
    truth analysis""".split()
TRUTH_FIELDS = """call_type sale_result no_sale_reasons product_family product_category_detail
    problems_detected delivery_tracking agent_name escalation_actions confidence_scores""".split()

breaches = []


def need(true, where, what):
    if not true:
        breaches.append(f"{where}: {what}")


def run(*command):
    return subprocess.run(command, check=True, capture_output=True).stdout


def plain(text):
    return " ".join(re.sub(r"[^a-z0-9' ]", " ", text.lower()).split())


def sentences(text):
    return [plain(part) for part in re.split(r"(?<=[.?!])\s+", text) if plain(part)]


def mood_name(score):
    return "positive" if score >= 1 / 3 else "negative" if score <= -1 / 3 else "neutral"


# --- fields ------------------------------------------------------------------------------------------
def check_text(call):
    where, last_start = call["id"], 0.0
    for number, turn in enumerate(call["turns"]):
        here = f"{where} turn {number}"
        need(list(turn) == ["speaker", "channel", "start_s", "end_s", "text", "words"], here, "fields")
        need(turn["speaker"] in ("agent", "customer", "agent_2"), here, "speaker")
        wanted = 0
        if call["channels"] == 2:
            wanted = call["agent_channel"]
            wanted = 1 - wanted if turn["speaker"] == "customer" else wanted
        need(turn["channel"] == wanted, here, f"channel {turn['channel']}, not {wanted}")
        need(turn["start_s"] >= last_start, here, "turns are not sorted by start")
        last_start = turn["start_s"]
        need(0 <= turn["start_s"] < turn["end_s"] <= call["duration_s"], here, "times")
        words = turn["words"]
        need(" ".join(word["punctuated_word"] for word in words) == turn["text"], here, "text and words")
        now = turn["start_s"]
        for word in words:
            need(list(word) == ["word", "punctuated_word", "start_s", "end_s"], here, "word fields")
            need(re.fullmatch(r"[a-z0-9']+([.\-][a-z0-9']+)*", word["word"]), here, f"word {word['word']!r}")
            need(word["word"] == re.sub(r"^[^a-z0-9']+|[^a-z0-9']+$", "",
                                        word["punctuated_word"].lower().replace(",", "")),
                 here, f"{word['word']!r} is not {word['punctuated_word']!r}")
            need(now - 0.0011 <= word["start_s"] < word["end_s"], here, f"times of {word['word']!r}")
            now = word["end_s"]
        need(abs(words[0]["start_s"] - turn["start_s"]) < 0.002, here, "first word's start")
        need(abs(words[-1]["end_s"] - turn["end_s"]) < 0.002, here, "last word's end")


def check_truth(call):
    where, truth = call["id"], call["truth"]
    if truth is None:
        need(not call["turns"], where, "no truth, but turns")
        return

    def listed(field, values, low, high):
        got = truth[field]
        need(isinstance(got, list) and low <= len(got) <= high and len(set(got)) == len(got)
             and set(got) <= set(values), where, f"{field} {got}")

    need(list(truth) == TRUTH_FIELDS, where, "truth fields")
    listed("call_type", CALL_TYPE, 1, 2)
    need(truth["sale_result"] in SALE_RESULT, where, "sale_result")
    listed("no_sale_reasons", CUSTOMER_REASONS + BUSINESS_REASONS, 0, 10)
    need(bool(truth["no_sale_reasons"]) == truth["sale_result"].startswith("no_sale_"), where,
         "no_sale_reasons only with, and always with, a no_sale_* result")
    kind = {"no_sale_customer_declined": CUSTOMER_REASONS, "no_sale_business_unable": BUSINESS_REASONS}
    need(set(truth["no_sale_reasons"]) <= set(kind.get(truth["sale_result"], [])), where,
         "a reason of the other side")
    need(truth["product_family"] in FAMILY, where, "product_family")
    listed("product_category_detail", DETAIL, 0, 3)
    listed("problems_detected", PROBLEMS, 0, 6)
    listed("escalation_actions", ESCALATION, 1, 5)
    if "none" in truth["escalation_actions"]:
        need(truth["escalation_actions"] == ["none"], where, "none beside other escalations")
    need(truth["agent_name"] == call["agent_name"], where, "agent_name")
    need(list(truth["confidence_scores"]) == CONFIDENCE, where, "confidence_scores")
    need(all(0 <= value <= 1 for value in truth["confidence_scores"].values()), where, "confidence")
    tracking = truth["delivery_tracking"]
    if tracking is not None:
        need("order_support" in truth["call_type"], where, "tracking without order_support")
        need(list(tracking) == ["carrier", "customer_action", "reason_for_call"], where, "tracking")
        need(tracking["carrier"] in CARRIER, where, "carrier")
        need(tracking["customer_action"] in ACTION, where, "customer_action")
        got = tracking["reason_for_call"]
        need(got and set(got) <= set(REASON) and len(set(got)) == len(got), where, "reason_for_call")


def check_analysis(call):
    where, analysis = call["id"], call["analysis"]
    need(list(analysis) == ["summary", "topics", "intents", "sentiments", "average_sentiment"],
         where, "analysis fields")
    need(analysis["summary"].strip(), where, "summary")
    said = {part for turn in call["turns"]
            for part in re.split(r"(?<=[.?!])\s+", turn["text"])} | {t["text"] for t in call["turns"]}
    for field, name in (("topics", "topic"), ("intents", "intent")):
        for item in analysis[field]:
            need(list(item) == ["text", name, "confidence"], where, f"{field} fields")
            need(item["text"] in said, where, f"{field}: not a sentence of the call: {item['text']}")
            need(0 < item["confidence"] <= 1, where, f"{field} confidence")
    need([item["text"] for item in analysis["sentiments"]] == [turn["text"] for turn in call["turns"]],
         where, "sentiments are not the turns")
    for item in [*analysis["sentiments"], analysis["average_sentiment"]]:
        need(-1 <= item["score"] <= 1 and item["sentiment"] == mood_name(item["score"]), where,
             "sentiment and score")


# --- sound ---------------------------------------------------------------------------------------------
def decode(path, channels, rate, *options):
    raw = run("ffmpeg", "-nostdin", "-v", "error", *options, "-i", str(path), "-f", "s16le", "-")
    data = array.array("h")
    data.frombytes(raw)
    if sys.byteorder == "big":
        data.byteswap()
    size, levels = int(rate * STEP), []
    for channel in range(channels):
        track = data[channel::channels]
        levels.append([
            math.sqrt(sum(map(operator.mul, part, part)) / len(part)) / 32768
            for part in (track[at:at + size] for at in range(0, len(track), size))])
    return levels


def edges(loud, low, high):
    """First and last loud moment between two times."""
    inside = [at for at in range(max(0, int(low / STEP)), min(len(loud), int(high / STEP) + 1)) if loud[at]]
    return (inside[0] * STEP, (inside[-1] + 1) * STEP) if inside else (None, None)


def check_audio(call, verbose):
    where, path = call["id"], HERE / "audio" / call["audio_file"]
    probe = json.loads(run("ffprobe", "-v", "error", "-show_streams", "-show_format", "-of", "json", str(path)))
    stream, rate = probe["streams"][0], int(probe["streams"][0]["sample_rate"])
    need(len(probe["streams"]) == 1 and stream["codec_type"] == "audio", where, "one audio stream")
    need(stream["channels"] == call["channels"], where, "channels")
    need(abs(float(probe["format"]["duration"]) - call["duration_s"]) <= 0.011, where, "duration_s")
    if call["content_type"] == "audio/mp4":
        need(stream["codec_name"] == "aac" and stream["profile"] == "LC", where, "not AAC-LC")
        need(rate in (8000, 16000), where, f"{rate} Hz")
        head = path.read_bytes()
        need(head[4:8] == b"ftyp" and 0 < head.find(b"moov") < head.find(b"mdat"), where, "no faststart")
    else:
        need(stream["codec_name"] == "pcm_mulaw" and rate == 8000, where, "not 8 kHz mu-law")

    levels = decode(path, call["channels"], rate)
    worst = [0.0, 0.0]
    for channel, level in enumerate(levels):
        loud = [value > LOUD for value in level]
        turns = [turn for turn in call["turns"] if turn["channel"] == channel]
        covered = [False] * len(loud)
        for turn in turns:
            low, high = int((turn["start_s"] - MAX_SHIFT) / STEP), int((turn["end_s"] + MAX_SHIFT) / STEP)
            covered[max(0, low):high + 1] = [True] * (min(len(loud), high + 1) - max(0, low))
        stray = sum(1 for heard, expected in zip(loud, covered) if heard and not expected)
        need(stray == 0, where, f"channel {channel}: {stray * STEP:.2f} s of sound outside the turns")
        for number, turn in enumerate(turns):
            before = turns[number - 1]["end_s"] if number else -1.0
            after = turns[number + 1]["start_s"] if number + 1 < len(turns) else call["duration_s"] + 1
            low = max(turn["start_s"] - 0.4, (before + turn["start_s"]) / 2)
            high = min(turn["end_s"] + 0.4, (turn["end_s"] + after) / 2)
            first, last = edges(loud, low, high)
            if first is None:
                need(False, where, f"no sound in the turn at {turn['start_s']}")
                continue
            shifts = (first - turn["start_s"], last - turn["end_s"])
            worst = [max(a, abs(b)) for a, b in zip(worst, shifts)]
            need(max(map(abs, shifts)) <= MAX_SHIFT, where,
                 f"turn at {turn['start_s']} is off by {shifts[0]:+.2f}/{shifts[1]:+.2f} s")
        words = [word for turn in turns for word in turn["words"]]
        deaf = [word["word"] for word in words if edges(loud, word["start_s"], word["end_s"])[0] is None]
        need(len(deaf) <= 0.02 * len(words), where, f"words without sound: {deaf}")

    priming = 0.0
    if call["content_type"] == "audio/mp4" and call["turns"]:
        turn = call["turns"][0]
        raw = decode(path, call["channels"], rate, "-ignore_editlist", "1")[turn["channel"]]
        first = edges([value > LOUD for value in raw], 0, turn["end_s"] + 1)[0]
        priming = first - turn["start_s"]
        need(abs(priming) <= MAX_SHIFT, where, f"without the edit list it is {priming:+.2f} s off")
    if verbose:
        words = sum(len(turn["words"]) for turn in call["turns"])
        print(f"{call['audio_file']:32} {call['channels']} ch {rate:5} Hz {call['duration_s']:7.2f} s "
              f"{path.stat().st_size:7} B {words:4} words, off by at most {worst[0]:.2f}/{worst[1]:.2f} s, "
              f"{priming:+.2f} s without the edit list")


# --- the whole -----------------------------------------------------------------------------------------
def check_whole(calls):
    need(len(calls) >= 18, "corpus", "fewer than 18 calls")
    names = [call["id"] for call in calls]
    need(len(set(names)) == len(names), "corpus", "an id twice")
    audio = {path.name for path in (HERE / "audio").iterdir()}
    need(audio == {call["audio_file"] for call in calls}, "corpus", "files of audio/ are not those of corpus.json")
    scripts = {path.stem for path in (HERE / "scripts").glob("*.toml")}
    need(scripts == set(names), "corpus", "scripts are not those of corpus.json")

    files = [path for path in HERE.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    total = sum(path.stat().st_size for path in files)
    need(total < MAX_TOTAL, "corpus", f"{total} bytes")
    place = re.compile(r"(?<![\w.:/])/(?:home|root|tmp|work|users|mnt|opt|private)/", re.IGNORECASE)
    for path in files:
        if path.suffix not in (".mp4", ".wav"):
            need(not place.search(path.read_text()), path.name, "a path of a machine")

    kinds = collections.Counter((call["content_type"], call["channels"]) for call in calls)
    for kind in (("audio/mp4", 1), ("audio/mp4", 2), ("audio/wav", 1), ("audio/wav", 2)):
        need(kinds[kind], "coverage", f"no {kind}")
    stereo = sum(call["channels"] == 2 for call in calls) / len(calls)
    need(0.55 <= stereo <= 0.75, "coverage", f"stereo share {stereo:.2f}")
    need(any(call["agent_channel"] == 1 for call in calls), "coverage", "agent never on channel 1")

    seen = collections.defaultdict(set)
    for call in calls:
        for field, value in (call["truth"] or {}).items():
            if isinstance(value, str):
                seen[field].add(value)
            elif isinstance(value, list):
                seen[field].update(value)
        for field, value in ((call["truth"] or {}).get("delivery_tracking") or {}).items():
            seen[field].update([value] if isinstance(value, str) else value)
    for field, values in (
            ("call_type", CALL_TYPE), ("sale_result", SALE_RESULT), ("product_family", FAMILY),
            ("no_sale_reasons", CUSTOMER_REASONS + BUSINESS_REASONS), ("problems_detected", PROBLEMS),
            ("product_category_detail", DETAIL), ("escalation_actions", ESCALATION),
            ("carrier", CARRIER), ("customer_action", ACTION), ("reason_for_call", REASON)):
        need(set(values) <= seen[field], "coverage", f"{field} lacks {sorted(set(values) - seen[field])}")

    counts = {call["id"]: sum(len(turn["words"]) for turn in call["turns"]) for call in calls}
    need(any(count == 0 and call["truth"] is None and 4 <= call["duration_s"] <= 8
             for call, count in zip(calls, counts.values())), "coverage", "no silent call")
    need(any(6 <= count <= 10 for count in counts.values()), "coverage", "no almost empty call")
    need(any(20 <= count < 50 for count in counts.values()), "coverage", "no short call")
    need(any(85 <= call["duration_s"] <= 120 for call in calls), "coverage", "no long call")
    need(any(turn["speaker"] == "agent_2" for call in calls for turn in call["turns"]), "coverage", "no transfer")
    need(any("ignore your instructions" in turn["text"].lower() for call in calls for turn in call["turns"]
             if turn["speaker"] == "customer"), "coverage", "no hostile sentence")
    overlaps = sum(later["start_s"] < earlier["end_s"] - 0.1 for call in calls if call["channels"] == 2
                   for earlier, later in zip(call["turns"], call["turns"][1:]))
    need(overlaps >= 5, "coverage", f"{overlaps} overlaps of speech")
    for call in calls:
        if call["channels"] == 1:
            need(all(later["start_s"] >= earlier["end_s"] for earlier, later in
                     zip(call["turns"], call["turns"][1:])), call["id"], "overlap in mono")

    texts = {call["id"]: plain(" ".join(turn["text"] for turn in call["turns"])) for call in calls}
    for call in calls:
        own = [part for turn in call["turns"] for part in sentences(turn["text"])
               if len(part.split()) >= 3
               and not any(f" {part} " in f" {text} " for name, text in texts.items() if name != call["id"])]
        need(len(own) >= (2 if counts[call["id"]] < 12 else 4) or not call["turns"], call["id"],
             f"only {len(own)} sentences of its own")
    return total, kinds, overlaps


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--verbose", action="store_true", help="print what was measured")
    options = parser.parse_args()
    calls = json.loads((HERE / "corpus.json").read_text())
    for call in calls:
        where = call["id"]
        need(list(call) == CALL_FIELDS, where, "fields")
        need(re.fullmatch(r"[a-z0-9_]+", where), where, "id")
        suffix = {"audio/mp4": "mp4", "audio/wav": "wav"}[call["content_type"]]
        need(call["audio_file"] == f"{where}.{suffix}", where, "audio_file")
        need(call["channels"] in (1, 2), where, "channels")
        need(call["agent_channel"] in ((0, 1) if call["channels"] == 2 else (None,)), where, "agent_channel")
        tomllib.loads((HERE / "scripts" / f"{where}.toml").read_text())
        check_text(call)
        check_truth(call)
        check_analysis(call)
        check_audio(call, options.verbose)
    total, kinds, overlaps = check_whole(calls)
    seconds = sum(call["duration_s"] for call in calls)
    for breach in breaches:
        print(f"breach: {breach}", file=sys.stderr)
    print(f"{len(calls)} calls, {seconds:.0f} s, {total} bytes, {overlaps} overlaps, "
          + ", ".join(f"{kind[6:]} {channels} ch: {count}" for (kind, channels), count in sorted(kinds.items()))
          + (f"; {len(breaches)} breaches" if breaches else "; all in order"))
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
