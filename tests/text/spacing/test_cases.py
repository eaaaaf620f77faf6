"""Texts of many kinds: their tokens, and their white space after a round trip, learned from the text itself."""

import time

import pytest

from rnnwords.config import TextConfig
from rnnwords.text.spacing.detokenizer import detokenize
from rnnwords.text.spacing.learned import Spacing, learn_spacing
from rnnwords.text.tokens.segmentation import PHRASE_END
from rnnwords.text.tokens.tokenizer import EOS, tokenize

# name, text, and tokens that it must have, separated by spaces
CASES = [
    ("armenian", "Ո՞ւր ես գնում,— հարցրեց նա։ «Լա՜վ»,— ասաց Արամը։ Բարև՛, ընկեր։", "Ո՞ւր Լա՜վ Բարև ՛"),
    ("czech", "„Kam jdeš?“ zeptal se Petr. Bylo 10:30, cena 1 250,- Kč. R. 1918 – konec.", "„ “ 10 : 30"),
    ("danish", "»Hvor er du?« spurgte hun. Det kostede 1.250,50 kr. – og det var billigt.", "» « 1.250,50"),
    ("dutch", "‘Waar?’ vroeg hij. ’s Morgens, ’t was zo’n foto’s in ’s-Hertogenbosch.", "‘ ’s ’t zo’n foto’s"),
    ("finnish", "EU:n jäsenet ja USA:ssa 12:een asti. ”Mitä?” kysyi Matti. 5 %:n nousu.", "EU:n USA:ssa 12:een ”"),
    ("french", "Aujourd’hui, « Y a-t-il l’eau ? » dit-elle ; n° 5 : fini !", "Aujourd’hui « a - t l’eau » ; : !"),
    ("german", "„Komm!“, rief er. »Nein«, sagte sie, z. B. um 14.30 Uhr, S. 12–15, d.h. jetzt.", "„ “ 14.30 – d.h."),
    ("greek", "«Πού;» ρώτησε. Του 'πα: «Απ' εδώ·» κι έφυγε, π.χ. 3,5 €.", "« ; » · π.χ. 3,5 €"),
    ("hungarian", "– Hová? – kérdezte Anna. „Igen” – gondolta. Az 5-ös busz 8.30-kor.", "– „ ” 5 - ös 8.30 - kor"),
    ("irish", "D'ith sé an t-arán. B'fhéidir go raibh m'athair.", "D'ith t - arán B'fhéidir m'athair"),
    ("italian", "L'amico dell'uomo. Un po' d'acqua! «Dov'è?» chiese nell'800.", "L'amico po ' d'acqua « Dov'è »"),
    ("polish", "„Dokąd?” – zapytał Jan. – Do domu – odparła, tj. 5%, Kowalski-Nowak.", "„ ” – 5 %"),
    ("portuguese", "— Onde? — perguntou Ana. — Aqui — disse. Custou R$ 1.250,00, deu-lhe d'água.", "— 1.250,00 d'água"),
    ("spanish", "—¿Dónde? —dijo Ana—. Aquí. ¡¿Sí?! La casa —vieja— cayó.", "— ¿ ¡ ! ?"),
    ("swedish", "EU:s regler, t.ex. i S:t Eriks. ”Hej!” sa han. – Nej, 250:- kr.", "EU:s t.ex. S:t ” –"),
    ("turkish", "İstanbul'da 5'inci gün. \"Nerede?\" dedi, %50 indirim.", "İstanbul'da % 50"),
    ("ukrainian", "Сім'я купила м’ясо. «П'ять!» — сказав об'єкт. — Так, — відповів.", "Сім'я м’ясо П'ять об'єкт —"),
    ("arabic", 'قال: "أين؟" ثم ذهب؛ ٣٫٥ كيلو (تقريبًا)، ٥٪.', "أين ؟ ؛ ٣٫٥ ( تقريبًا ) ٪"),
    ("hebrew", 'אמר: "לא". ד"ר כהן וגב\' לוי, צה״ל, ג׳ירפה.', "ד\"ר וגב' צה״ל ג׳ירפה"),
    ("persian", "می‌خواهم کتاب‌های خوب. او گفت: «نمی‌دانم!»؛ ۱۲٫۵ تومان.", "می‌خواهم کتاب‌های نمی‌دانم ۱۲٫۵"),
    ("urdu", "اس نے کہا: ”نہیں۔“ کیا آپ ہیں؟ ہاں، شکریہ۔", "” ۔ “ ؟ ،"),
    ("hindi", 'कहा, "मैं नहीं।" ई.पू. १,२३४.५ रुपये। डॉ. शर्मा क्या?', "ई.पू. १,२३४.५ । क्या"),
    ("tamil", "அவன். “நீ எங்கே?” என்றாள். ஸ்ரீலங்கா, க்ஷேத்திரம்!", "“ ” ஸ்ரீலங்கா க்ஷேத்திரம்"),
    ("tibetan", "བོད་སྐད་ནི་བོད་མིའི། དེ་ནི།", "བོད ་ ། དེ"),
    ("amharic", "ሰላም፣ እንዴት ነህ? እኔ ደህና። «ና» አለ፤ መጣ።", "ሰላም ፣ ። « ና » ፤"),
    ("georgian", "„სად?“ ჰკითხა მან. სახლში – 5,5 ლარი.", "„ “ 5,5 –"),
    ("khmer", "ខ្ញុំ\u200bទៅ\u200bផ្សារ។ គាត់\u200bទៅ។", f"ខ្ញុំ ទៅ ផ្សារ ។ {PHRASE_END} គាត់"),
    ("lao", "ຂ້ອຍໄປຕະຫຼາດ ລາວມັກ", f"ຂ້ອຍ ໄປ ຕະຫຼາດ {PHRASE_END} ລາວ ມັກ"),
    ("thai", 'เขาพูดว่า "ไปไหน" ราคา 3.50 บาท ก.ค. 2566 (ประมาณ)', f"เขา พูด ว่า {PHRASE_END} 3.50 ก.ค. ประมาณ"),
    # ꦏ꧀ꦱ is one cluster or two, by the version of Unicode of the package `regex`.
    ("javanese", "ꦲꦏ꧀ꦱꦫꦗꦮ꧈ ꦱꦸꦒꦼꦁ꧉", "ꦲ ꧈ ꦱꦸ"),
    ("traditional chinese", "他說：「你好嗎？」《紅樓夢》很有名——真的……價格 20%。", "： 「 ？ 」 《 紅 — …"),
    ("chinese and english", "我用 Python 3.11 写代码，有 10 个 repo。3:30 开始，OK？", "Python 3.11 ， repo OK"),
    (
        "japanese",
        "「どこ？」と聞いた。３．５％の１，０００円。コーヒー・カップ。ｶﾞﾗｽﾊﾟﾝ。",
        "３．５ １，０００ コーヒー ・ ｶﾞﾗｽﾊﾟﾝ",
    ),
    ("korean", "그는 '네'라고 했다. \"어디?\" 하고. 3.5%는 1,000원이다. 나는 (집) 갔다.", "' 네 ' 라고 \" 1,000원이다"),
    ("emoji", "Love ❤️❤️‍🔥 you 👋🏻👋🏿! (👍🏽) 1️⃣ #️⃣ 🏴󠁧󠁢󠁥󠁮󠁧󠁿 🇩🇪🇫🇷 🧑🏽‍🚀🚀", "❤️ ❤️‍🔥 👋🏻 👋🏿 👍🏽 1️⃣ #️⃣ 🏴󠁧󠁢󠁥󠁮󠁧󠁿 🇩🇪 🇫🇷 🧑🏽‍🚀 🚀"),
    ("chat", "Ana: hola! a las 5? :)\nLeo: sí :) y tú: bien, ;-) jaja!! ok :(", "Ana : hola ! 5 ? !"),
    (
        "code",
        "for (i = 0; i < n; i++) {\n    a[i] += b(x, y=10);\n}\nif a_b != c[:n_1] and d[1:]: f(z=2)\n",
        "i a_b n_1 =",
    ),
    ("latex", "Let $x_i$ be $\\frac{1}{2}$, and ($y$) or $f(x)$. Then $z$ is.", "$ x_i \\ frac { 1 }"),
    ("dollars", "It cost $5 (or $6.50), not $7; US$20 and US$30 left, A$3 and A$4. “$3,” he said.", "$ 5 6.50 US $ “"),
    (
        "numbers",
        "On 2023-11-05 at 10:30 we had 1,234,567.89, 3/4, 1½, 50% off, #7, (555) 123-4567, 3:2, v2.0.1.",
        "2023 - 11 1,234,567.89 1½ # v2.0.1",
    ),
    ("chess", "1. e4 e5 2. Nf3 Nc6 5. O-O Be7 9. exd5 Nxd5 14. g3 Qh3+ 1-0", "e4 Nf3 O - + 1 0"),
    (
        "names",
        "J. R. R. Tolkien, Mr. O'Brien, rock'n'roll of the '90s, Rock 'n' roll, the dogs' Ph.D., e.g. AT&T's.",
        "O'Brien rock'n'roll '90s 'n' Ph.D. e.g. AT&T",
    ),
    ("nested quotes", "“He said, ‘I know “him”, sir,’ and left.” \"She said, 'No.'\"", "“ ‘ ” ’ \" '"),
    (
        "poem",
        "O Captain! my Captain!\n    our trip is done;\n\nHeav'n! O'er th’ hills, ’tis gone—\n",
        "Heav'n O'er ’tis —",
    ),
    (
        "lists",
        "Shopping:\n\n- eggs (12)\n* bread\n1. First\n2) Second\n[x] done\n• bullet\n| a | b |\n|---|---|\n",
        "( 12 ) • ---",
    ),
    (
        "notes",
        "Shown before[1] and again[2]. See Smith (2001: 45) and note*. So¹ he said.† [sic] [...]",
        "[ 1 ] * † ...",
    ),
    (
        "capitals",
        "THE FOX; McDonald iPhone XMLHttpRequest snake_case kebab-case x86_64 R&D Node.js 3D CO₂",
        "THE iPhone XMLHttpRequest snake_case kebab - case x86_64 R&D Node.js CO₂",
    ),
    ("ellipses", "Well... I… don't. . . know.... “…and then…” What?... No!... Hmm…?", "... … .... ?"),
    ("marks of exclamation", "What‽ Really?! No!? ¿Qué? ¡No! ¿¡Cómo!? Yes!!!", "‽ ? ! ¿ ¡"),
    (
        "links",
        "(https://x.org/a_(b)), <me.too+tag@sub.example.co.uk>, https://x.org/a. www.x.org! @user #tag_2",
        "( https://x.org/a_(b) ) me.too+tag@sub.example.co.uk https://x.org/a . www.x.org @user #tag_2",
    ),
    ("broken lines", "It was an extra-\nordinary, well-known mother-in-law's twenty-\none.", "extra - ordinary law's"),
]


@pytest.mark.parametrize("eos", [False, True], ids=["", "eos"])
@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_texts_of_many_kinds_have_their_tokens_and_their_spaces(text: str, expected: str, eos: bool) -> None:
    config = TextConfig(eos=eos)
    tokens = tokenize(text, config)
    assert set(expected.split()) <= set(tokens)
    written = detokenize(tokens, config, learn_spacing([text], config))
    text = text.replace("\u200b", "")
    if eos:
        assert [line.split() for line in written.split("\n")] == [line.split() for line in text.split("\n")]
    else:
        assert written.split() == text.split()


# a text, and another of its kind
ANOTHER = [
    (
        "„Dokąd?” – zapytał Jan. – Do domu – odparła. Było 5% (np. Kowalski-Nowak).",
        "„Kiedy?” – spytała. – Jutro – odparł. To było w biało-czerwonym domu (tj. 7%).",
    ),
    (
        "‘Waar?’ vroeg hij. ’s Morgens, ’t was lekker. ‘Ja’, zei ze.",
        "‘Kom,’ zei hij. ’s Avonds. ‘Nee’, riep ze, ’t is laat.",
    ),
    (
        "»Hvor?« spurgte hun. »Her,« sagde han. 12,50 kr. – billigt.",
        "»Kom!« råbte han. 3,75 kr. – dyrt. »Nej,« sagde hun.",
    ),
    (
        "그는 '네'라고 했다. \"어디 가니?\" 하고 물었다. 나는 (집에) 갔다. '아니'라고 했다.",
        "그는 '글쎄'라고 말했다. \"왜?\" 하고 (다시) 물었다.",
    ),
    ("It cost $5 (or $6), not $7; she had $4 left. “$3,” he said.", "He paid $8; “$2,” she said (or $1). It was $10."),
    ("Let $x$ be real, and $y$ too. Then $f(x)$ is ($y$). So $a+b$ holds.", "Let $z$ be ($w$), and $c+d$ holds."),
    (
        "Rock ’n’ roll in the ’90s. ’Twas fun. Goin’ home. The dogs’ car.",
        "Drum ’n’ bass in the ’80s. Walkin’ home, the cats’ hat.",
    ),
    (
        "— Где ты? — спросил он. — Здесь, — ответила она, — я иду. Кто-то пришёл.",
        "— Кто там? — спросила она. — Это я, — сказал он, — открой. Что-то упало.",
    ),
    (
        "for (i = 0; i < n; i++) { a[i] += f(x, y); } if (a != b) { return g(z); }",
        "for (j = 1; j < m; j++) { b[j] += g(y, x); } if (c != d) { return f(w); }",
    ),
]


@pytest.mark.parametrize("eos", [False, True], ids=["", "eos"])
@pytest.mark.parametrize(("text", "another"), ANOTHER)
def test_another_text_of_the_same_kind_has_the_spaces_of_its_kind(text: str, another: str, eos: bool) -> None:
    config = TextConfig(eos=eos)
    assert detokenize(tokenize(another, config), config, learn_spacing([text], config)) == another


def _learned(text: str) -> tuple[Spacing, TextConfig]:
    config = TextConfig(eos=True)
    return learn_spacing([text], config), config


@pytest.mark.parametrize(
    ("text", "tokens", "written"),
    [
        # a mark after words that the text has never shown before a mark
        ("Read a1 today. Stop b2 now! Go, or run on.", "Mail x3 . Go", "Mail x3. Go"),
        # two marks that the text has not shown together
        ("«Πού;» ρώτησε· ναι. Εδώ. «Τι;» είπε.", "« ναι » .", "«ναι»."),
        # a dash in a state, open or not, in which the text has no dash
        ("—Soy yo —dijo—. Abre.\nLa puerta —era vieja— y rio.", f"{EOS} {EOS} La puerta — era", "\n\nLa puerta —era"),
        # an exception among few gaps
        ("a = 1\nb = 2\nf(c=3)\n", f"f ( c = 3 ) {EOS} b = 2", "f(c=3)\nb = 2"),
    ],
)  # fmt: skip
def test_what_a_text_has_not_shown_is_spaced_like_the_nearest_that_it_has(text: str, tokens: str, written: str) -> None:
    spacing, config = _learned(text)
    assert detokenize(tokens.split(), config, spacing) == written


def test_a_phrase_without_words_is_not_written() -> None:
    """A network may generate the end of a phrase at the beginning of a line."""
    spacing, config = _learned("ฉันไปตลาด เขาชอบกิน\n")
    assert detokenize([PHRASE_END, "ฉัน", PHRASE_END, "เขา", EOS, PHRASE_END, "ไป"], config, spacing) == "ฉัน เขา\nไป"
    english, config = _learned("Press \u2423 now.\n\u2423 is a space.\n")
    assert detokenize([PHRASE_END, "is"], config, english) == "\u2423 is"


def test_one_misprint_among_many_gaps_changes_nothing() -> None:
    spacing, config = _learned("The cat sat, the dog ran. " * 20 + "The cat sat ,the dog ran. ")
    assert detokenize(tokenize("The cat sat, the dog.", config), config, spacing) == "The cat sat, the dog."


@pytest.mark.parametrize("run", ["\U0001f1e9", "(", "@", "a@", "http://(", "a.", "'", "A&", "\u0301", "1,", "ก", "#a"])
def test_long_runs_are_tokenized_in_linear_time(run: str) -> None:
    """Five times the text takes about five times as long, not 25 times; tokens of a flag are two characters."""

    def seconds(length: int) -> float:
        start = time.perf_counter()
        assert "".join(tokenize(run * length, TextConfig())) == run * length
        return time.perf_counter() - start

    seconds(10)
    assert min(seconds(20_000) for _ in range(3)) < 12 * min(seconds(4_000) for _ in range(3)) + 0.02
