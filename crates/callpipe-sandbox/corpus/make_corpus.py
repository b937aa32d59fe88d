#!/usr/bin/env python3
"""Make the demo corpus: spoken audio and corpus.json out of scripts/*.toml and voices.toml.

    python3 make_corpus.py                 make everything again (about a minute)
    python3 make_corpus.py --only hang_up  make one call's audio again (corpus.json is left alone)
    python3 check_corpus.py                then check the result

Needs Python 3.11 or newer (standard library only), the shared library of espeak-ng
(Debian: libespeak-ng1 and espeak-ng-data) and ffmpeg with ffprobe (Debian: ffmpeg).

How the times come about: every turn is spoken by espeak-ng on its own. Its word events tell at
which millisecond each word begins; a word ends where the next begins or, before a pause, where the
sound dies away. Where espeak-ng speaks two small words as one ("in the", "would have to") it reports one
event, and the time is shared out by the number of letters. The turn is then laid on the call's time
line, so that start_s and end_s of corpus.json are the times of the audible sound.

The result depends on the versions of espeak-ng and ffmpeg only: the same versions make the same
files (chance, such as the length of a pause, is seeded by the call's id).

A script: `title`, `file` (mp4 or wav), `channels`, optional `agent_channel` (0) and `sample_rate`,
the voices of `agent`, `customer`, `agent_2`, then [[turn]] entries, of which each has one of
`agent`, `customer`, `agent_2` (the words spoken), `hold` (seconds of hold melody) and `quiet`
(seconds of nothing). `gap` is the pause before the turn in seconds, negative for an interruption;
`mood` is the sentiment score. "{$31.50|thirty one fifty}" is written as $31.50 and spoken as the rest.
"""

import argparse
import array
import ctypes
import ctypes.util
import json
import math
import multiprocessing
import operator
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import tomllib
import wave

HERE = pathlib.Path(__file__).resolve().parent
SPEECH_RMS = 0.10  # -20 dBFS while somebody speaks
NOISE_RMS = 0.0006  # about -64 dBFS of line noise
HOLD_PEAK = 0.006  # the hold melody stays far below speech
BITRATE = {1: "20k", 2: "24k"}
SPEAKERS = ("agent", "customer", "agent_2")
SECTIONS = ("no_sale_reasons", "product_category_detail", "problems_detected")


# --- espeak-ng ---------------------------------------------------------------------------------
class _Id(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int), ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int), ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int), ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p), ("id", _Id),
    ]


class Espeak:
    """Speech of one text with the beginnings of its words."""

    SYNCHRONOUS, UTF8, WORD, RATE, PITCH = 2, 1, 1, 1, 3

    def __init__(self):
        name = ctypes.util.find_library("espeak-ng") or "libespeak-ng.so.1"
        try:
            self.lib = ctypes.CDLL(name)
        except OSError as error:
            sys.exit(f"espeak-ng's shared library is not installed: {error}")
        self.rate = self.lib.espeak_Initialize(self.SYNCHRONOUS, 0, None, 0)
        if self.rate <= 0:
            sys.exit("espeak-ng did not start (is its data installed?)")
        kind = ctypes.CFUNCTYPE(
            ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))
        self.callback = kind(self._take)  # kept, or it would be freed
        self.lib.espeak_SetSynthCallback(self.callback)
        self.pcm, self.events = bytearray(), []

    def _take(self, samples, count, events):
        if samples and count > 0:
            self.pcm.extend(ctypes.string_at(samples, count * 2))
        index = 0
        while events[index].type != 0:
            event = events[index]
            if event.type == self.WORD:
                self.events.append((event.text_position - 1, event.audio_position / 1000))
            index += 1
        return 0

    def speak(self, text, voice):
        """(samples, [(offset in text, seconds)])"""
        if self.lib.espeak_SetVoiceByName(voice["voice"].encode()) != 0:
            sys.exit(f"espeak-ng has no voice {voice['voice']}")
        self.lib.espeak_SetParameter(self.RATE, voice["speed"], 0)
        self.lib.espeak_SetParameter(self.PITCH, voice["pitch"], 0)
        self.pcm, self.events = bytearray(), []
        raw = text.encode()
        if self.lib.espeak_Synth(raw, len(raw) + 1, 0, 1, 0, self.UTF8, None, None) != 0:
            sys.exit(f"espeak-ng could not speak: {text}")
        samples = array.array("h")
        samples.frombytes(bytes(self.pcm))
        if sys.byteorder == "big":
            samples.byteswap()
        return samples, list(self.events)


# --- text ----------------------------------------------------------------------------------------
def tokens_of(text):
    """[(written, spoken)] of a turn's text with {written|spoken} marks."""
    found = []
    for match in re.finditer(r"(\S*?)\{([^|{}\s]+)\|([^{}]+)\}(\S*)|(\S+)", text):
        before, written, spoken, after, plain = match.groups()
        if plain is not None:
            found.append((plain, plain))
        else:
            found.append((before + written + after, before + spoken + after))
    return found


def bare(token):
    """A token as recognisers report it: lower case; no punctuation but apostrophes and what stands
    inside of a number or a compound (31.50, two-stroke)."""
    kept = re.sub(r"[^a-z0-9'.\-]", "", token.lower())
    return re.sub(r"(?<![a-z0-9])[.\-]+|[.\-]+(?![a-z0-9])", "", kept)


# --- sound ---------------------------------------------------------------------------------------
def frames_rms(samples, rate, seconds=0.01):
    size = int(rate * seconds)
    return [
        math.sqrt(sum(map(operator.mul, part, part)) / len(part)) / 32768
        for part in (samples[at:at + size] for at in range(0, len(samples), size)) if len(part)
    ]


def telephone_band(samples):
    """A rough low pass (the mean of four neighbours), good enough to measure loudness."""
    pairs = list(map(operator.add, samples, samples[1:]))
    return [value / 4 for value in map(operator.add, pairs, pairs[2:])]


def speak_turn(espeak, text, voice):
    """The trimmed, levelled sound of a turn and its words with times relative to its beginning."""
    tokens = tokens_of(text)
    spoken, spans = "", []
    for _, part in tokens:
        spoken += " " if spoken else ""
        spans.append((len(spoken), len(spoken) + len(part)))
        spoken += part
    samples, events = espeak.speak(spoken, voice)
    rate = espeak.rate
    loudness = frames_rms(samples, rate)
    floor = max(loudness) * 10 ** (-36 / 20)
    audible = [index for index, value in enumerate(loudness) if value > floor]
    first, last = audible[0] * 0.01, (audible[-1] + 1) * 0.01
    # Words end where the sound dies away in the telephone band, which has little of an "s".
    narrow = frames_rms(telephone_band(samples), rate)
    limit = max(narrow) * 10 ** (-26 / 20)
    clear = [index for index in audible if index < len(narrow) and narrow[index] > limit]
    last_clear = (clear[-1] + 1) * 0.01

    starts = [None] * len(tokens)
    for offset, seconds in events:
        for index, (low, high) in enumerate(spans):
            if low <= offset < high and starts[index] is None:
                if all(s is None or s <= seconds for s in starts[:index]):
                    starts[index] = seconds
                break
    starts[0] = first if starts[0] is None else max(first, starts[0])
    known = [index for index, start in enumerate(starts) if start is not None] + [len(tokens)]
    for low, high in zip(known, known[1:]):
        end = starts[high] if high < len(tokens) else last_clear
        weights = [len(tokens[index][1]) + 1 for index in range(low, high)]
        for index in range(low + 1, high):
            done = sum(weights[:index - low])
            starts[index] = starts[low] + (end - starts[low]) * done / sum(weights)

    words, previous_end = [], 0.0
    for index, (written, _) in enumerate(tokens):
        limit = starts[index + 1] if index + 1 < len(tokens) else last_clear
        begin = max(starts[index], previous_end)
        heard = [i for i in clear if begin - 0.005 <= i * 0.01 < limit - 0.005]
        end = min(limit, (heard[-1] + 1) * 0.01) if heard else limit
        end = max(end, begin + 0.02)
        words.append([written, begin - first, end - first])
        previous_end = end

    low, high = int(first * rate), min(len(samples), int(last * rate))
    body = samples[low:high]
    active = [value for value in loudness if value > floor * 4]
    rms = math.sqrt(sum(value * value for value in active) / len(active))
    gain = SPEECH_RMS * 10 ** (voice.get("level", 0.0) / 20) / rms
    gain = min(gain, 32768 * 0.9 / max(abs(value) for value in body))
    return [value * gain for value in body], words


def hold_melody(seconds, rate):
    notes = [392.0, 493.88, 587.33, 493.88, 440.0, 523.25, 659.26, 523.25]
    sound = []
    for index in range(int(seconds * rate)):
        at = index / rate
        note, inside = notes[int(at / 0.5) % len(notes)], at % 0.5
        sound.append(32768 * HOLD_PEAK * math.sin(2 * math.pi * note * at) * (1 - inside))
    return sound


def line_noise(count, seed):
    source = random.Random(seed)
    table = [source.gauss(0.0, 32768 * NOISE_RMS) for _ in range(30011)]
    return (table * (count // len(table) + 1))[:count]


# --- one call ------------------------------------------------------------------------------------
def lay_out(call_id, script, voices, espeak):
    """The turns with times, and one list of samples per channel."""
    chance = random.Random(call_id)
    channels, rate = script["channels"], espeak.rate
    agent_channel = script.get("agent_channel", 0) if channels == 2 else 0
    now, pieces, turns = 0.45, [], []
    for entry in script["turn"]:
        pause = entry.get("gap", round(0.35 + 0.3 * chance.random(), 3))
        if "quiet" in entry:
            now += entry["quiet"]
            continue
        if "hold" in entry:
            pieces.append((now + 0.3, agent_channel, hold_melody(entry["hold"], rate)))
            now += 0.3 + entry["hold"]
            continue
        speaker = next(name for name in SPEAKERS if name in entry)
        channel = 0 if channels == 1 else agent_channel
        if channels == 2 and speaker == "customer":
            channel = 1 - agent_channel
        sound, words = speak_turn(espeak, entry[speaker], voices[script[speaker]])
        start = now + pause
        pieces.append((start, channel, sound))
        turns.append({
            "speaker": speaker, "channel": channel,
            "start_s": round(start, 3), "end_s": round(start + words[-1][2], 3),
            "text": " ".join(word for word, _, _ in words),
            "words": [
                {"word": bare(word), "punctuated_word": word,
                 "start_s": round(start + begin, 3), "end_s": round(start + end, 3)}
                for word, begin, end in words
            ],
            "_mood": entry.get("mood", 0.0),
        })
        now = max(now, start + len(sound) / rate)
    total = int((now + 0.6) * rate)
    mix = [line_noise(total, f"{call_id}/{channel}") for channel in range(channels)]
    for start, channel, sound in pieces:
        low, track = int(start * rate), mix[channel]
        stop = min(total, low + len(sound))
        track[low:stop] = map(operator.add, track[low:stop], sound)
    turns.sort(key=lambda turn: turn["start_s"])
    return turns, mix


def write_audio(path, mix, rate, sample_rate):
    channels = len(mix)
    data = array.array("h", bytes(2 * channels * len(mix[0])))
    for channel, track in enumerate(mix):
        data[channel::channels] = array.array(
            "h", [max(-32767, min(32767, round(value))) for value in track])
    if sys.byteorder == "big":
        data.byteswap()
    with tempfile.TemporaryDirectory() as folder:
        raw = pathlib.Path(folder) / "mix.wav"
        with wave.open(str(raw), "wb") as out:
            out.setnchannels(channels)
            out.setsampwidth(2)
            out.setframerate(rate)
            out.writeframes(data.tobytes())
        command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", str(raw), "-map_metadata", "-1",
                   "-af", "highpass=f=220,lowpass=f=3400,lowpass=f=3600", "-ar", str(sample_rate)]
        if path.suffix == ".wav":
            command += ["-c:a", "pcm_mulaw"]
        else:
            command += ["-c:a", "aac", "-profile:a", "aac_low", "-cutoff", "4000",
                        "-b:a", BITRATE[channels], "-movflags", "+faststart"]
        command += ["-fflags", "+bitexact", "-flags:a", "+bitexact", str(path)]
        subprocess.run(command, check=True)


def duration_of(path):
    out = subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", str(path)],
        check=True, capture_output=True, text=True).stdout
    return round(float(out), 2)


def mood_name(score):
    return "positive" if score >= 1 / 3 else "negative" if score <= -1 / 3 else "neutral"


def truth_of(script, agent_name):
    truth = script.get("truth")
    if truth is None:
        return None
    confidence = truth["confidence"]
    return {
        "call_type": truth["call_type"], "sale_result": truth["sale_result"],
        "no_sale_reasons": truth.get("no_sale_reasons", []),
        "product_family": truth["product_family"],
        "product_category_detail": truth.get("product_category_detail", []),
        "problems_detected": truth.get("problems_detected", []),
        "delivery_tracking": truth.get("delivery_tracking"),
        "agent_name": agent_name,
        "escalation_actions": truth.get("escalation_actions", ["none"]),
        "confidence_scores": dict(zip(
            ("call_type_confidence", "sale_result_confidence",
             "product_classification_confidence", "overall_confidence"), confidence, strict=True)),
    }


def make_call(path, voices, audio):
    call_id, script, espeak = path.stem, tomllib.loads(path.read_text()), Espeak()
    turns, mix = lay_out(call_id, script, voices, espeak)
    kind = script["file"]
    target = audio / f"{call_id}.{kind}"
    write_audio(target, mix, espeak.rate, script.get("sample_rate", 16000 if kind == "mp4" else 8000))
    agent_name = None
    if "agent" in script and not script.get("agent_unnamed"):
        agent_name = voices[script["agent"]]["name"]
    moods = [(turn.pop("_mood"), len(turn["words"])) for turn in turns]
    weight = sum(count for _, count in moods)
    mean = round(sum(mood * count for mood, count in moods) / weight, 2) if weight else 0.0
    analysis = script["analysis"]
    return {
        "id": call_id, "title": script["title"], "audio_file": target.name,
        "content_type": f"audio/{kind}", "channels": script["channels"],
        "duration_s": duration_of(target),
        "agent_channel": script.get("agent_channel", 0) if script["channels"] == 2 else None,
        "agent_name": agent_name, "turns": turns, "truth": truth_of(script, agent_name),
        "analysis": {
            "summary": analysis["summary"], "topics": analysis["topics"],
            "intents": analysis["intents"],
            "sentiments": [
                {"text": turn["text"], "sentiment": mood_name(mood), "score": mood}
                for turn, (mood, _) in zip(turns, moods)
            ],
            "average_sentiment": {"sentiment": mood_name(mean), "score": mean},
        },
    }


def pretty(value, depth=0):
    """JSON with a line per field down to the turns, and each turn, sentiment, ... on one line."""
    inline = json.dumps(value, ensure_ascii=False)
    if depth >= 4 or not value or not isinstance(value, (dict, list)) or len(inline) < 100:
        return inline
    pad, end = " " * (depth + 1), " " * depth
    if isinstance(value, dict):
        if "words" in value:
            return inline
        rows = [f"{pad}{json.dumps(key)}: {pretty(item, depth + 1)}" for key, item in value.items()]
        return "{\n" + ",\n".join(rows) + f"\n{end}}}"
    rows = [pad + pretty(item, depth + 1) for item in value]
    return "[\n" + ",\n".join(rows) + f"\n{end}]"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="ID", help="make this call's audio only")
    parser.add_argument("--out", metavar="DIR", default=HERE, type=pathlib.Path,
                        help="where to write audio/ and corpus.json (default: beside this script)")
    options = parser.parse_args()
    voices = tomllib.loads((HERE / "voices.toml").read_text())
    audio = options.out / "audio"
    audio.mkdir(parents=True, exist_ok=True)
    calls = []
    paths = sorted((HERE / "scripts").glob(f"{options.only or '*'}.toml"))
    if not paths:
        sys.exit(f"no script is called {options.only}")
    # espeak-ng carries state from one text to the next even when started anew, so each call has
    # a process of its own: changing one script leaves the sound of the others as it was.
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        jobs = [pool.apply_async(make_call, (path, voices, audio)) for path in paths]
        for job in jobs:
            call = job.get()
            calls.append(call)
            words = sum(len(turn["words"]) for turn in call["turns"])
            print(f"{call['audio_file']:34} {call['channels']} ch "
                  f"{call['duration_s']:7.2f} s {words:4} words")
    if not options.only:
        (options.out / "corpus.json").write_text(pretty(calls) + "\n")
    print(f"{len(calls)} calls, {sum(call['duration_s'] for call in calls):.0f} s")


if __name__ == "__main__":
    main()
