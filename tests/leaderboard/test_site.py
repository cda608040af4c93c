"""The site, as files and in a real browser."""

import csv
import functools
import http.server
import json
import re
import shutil
import threading
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from axe_core_python.selenium import Axe
from selenium import webdriver
from selenium.webdriver.common.by import By

import mmbench
from leaderboard import site
from leaderboard.entries import by_track, read_entries
from leaderboard.pictures import draw_tasks, film_episodes
from leaderboard.submission import SubmissionError, submit
from tests.leaderboard.conftest import DESCRIPTION, TASKS, opened, packed, with_json
from tests.test_escape import NASTY as ATTACKS

NASTY = "<script>document.title='owned'</script>{{7*7}} | $x$ =1+1"


@pytest.fixture(scope="module")
def submissions(tmp_path_factory: pytest.TempPathFactory, results: Path, submission: Path) -> Path:
    """Return a folder of three submissions, one of which is named by an attacker."""
    folder = tmp_path_factory.mktemp("folder")
    shutil.copy(submission, folder / "random.zip")
    zero = folder / "result"
    mmbench.evaluate("zero", suite="lite", episodes=10, workers=0, out=zero)
    submit(zero, DESCRIPTION.model_copy(update={"name": "Zero"}), folder / "zero.zip")
    changes = {"name": NASTY, "authors": [NASTY], "description": NASTY, "has_demos": True}
    submit(results, DESCRIPTION.model_copy(update=changes), folder / "nasty.zip")
    return folder


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory, submissions: Path) -> Path:
    out = tmp_path_factory.mktemp("site")
    site.build(submissions, out, workers=0)
    return out


@pytest.fixture(scope="module")
def address(pages: Path) -> Iterator[str]:
    handler = functools.partial(Quiet, directory=str(pages))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1200,1000"):
        options.add_argument(argument)
    options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert None not in (chrome, driver), "the tests of pages need chromium and chromium-driver"
    options.binary_location = chrome
    running = webdriver.Chrome(options, webdriver.ChromeService(driver))
    yield running
    running.quit()


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.ids: list[str] = []
        self.tags: list[tuple[str, ...]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, *(name for name, _ in attrs)))
        for name, value in attrs:
            if name in ("href", "src") and value is not None:
                self.targets.append(value)
            if name == "id" and value is not None:
                self.ids.append(value)


def parsed(file: Path) -> Links:
    links = Links()
    links.feed(file.read_text())
    return links


def test_every_link_leads_somewhere_on_this_machine(pages: Path) -> None:
    files = sorted(pages.rglob("*.html"))
    assert len(files) == 200 + 10 + 3 + 4
    for file in files:
        found = parsed(file)
        assert len(set(found.ids)) == len(found.ids)
        for target in found.targets:
            parts = urlsplit(target)
            if parts.scheme == "data":
                continue
            assert not parts.scheme, (file, target)
            place = file if not parts.path else (file.parent / parts.path).resolve()
            assert place.is_file(), (file, target)


def test_the_same_submissions_make_the_same_bytes(
    pages: Path, submissions: Path, tmp_path: Path
) -> None:
    site.build(submissions, tmp_path, workers=0)
    first = {file.relative_to(pages): file.read_bytes() for file in pages.rglob("*.*")}
    again = {file.relative_to(tmp_path): file.read_bytes() for file in tmp_path.rglob("*.*")}
    assert first == again


def test_a_name_is_text_everywhere(pages: Path) -> None:
    for file in pages.rglob("*.html"):
        text = file.read_text()
        assert "<script>document.title" not in text
        assert "document.title='owned'</script>" not in text
        assert "{{7*7}}" in text or "49" not in text or "owned" not in text
    for file in (pages / "data").glob("*.csv"):
        assert not re.search(r"(^|,)[=@+]", file.read_text(), re.MULTILINE)


def test_names_of_attackers_add_nothing(submission: Path, tmp_path: Path) -> None:
    hostile = [
        *(name for name in ATTACKS if not re.search(r"[\x00-\x1f]", name)),  # others are refused
        "</script><script>alert(1)</script>",
        '" onmouseover="alert(1)',
        "<b>bold</b>",
        "{{ 7 * 7 }}",
    ]
    files = opened(submission)
    for folder, names in (("hostile", hostile), ("plain", ["Agent"] * len(hostile))):
        (tmp_path / folder).mkdir()
        for number, name in enumerate(names):
            told = {"name": name, "authors": [name], "description": f"{name}\n{name}"}
            file = tmp_path / folder / f"agent-{number}.zip"
            packed(with_json(files, "submission.json", told), file)
        site.build(tmp_path / folder, tmp_path / folder / "site", workers=0)
    for file in (tmp_path / "hostile" / "site").rglob("*.html"):
        plain = tmp_path / "plain" / file.relative_to(tmp_path / "hostile")
        assert parsed(file).tags == parsed(plain).tags
        assert "\u202e" not in file.read_text()
    data = tmp_path / "hostile" / "site" / "data"
    for file in data.glob("*.csv"):
        with file.open(newline="") as stream:
            assert not [c for row in csv.reader(stream) for c in row if c.startswith(tuple("=@+-"))]
    for file in data.glob("*.tex"):
        assert not re.search(r"\\(input|immediate|frac)", file.read_text())


def test_the_ranking_stands_in_the_page_without_javascript(pages: Path) -> None:
    text = (pages / "index.html").read_text()
    ranked = re.findall(r'<a href="submissions/([a-z]+)\.html">', text)
    assert sorted(ranked) == ["nasty", "random", "zero"]  # the first is in a track of its own
    assert text.count("<table") == 2


def test_the_gallery_shows_rewards_and_who_is_best(pages: Path) -> None:
    text = (pages / "tasks.html").read_text()
    card = text.partition("<strong>pygame-pong</strong>")[2].partition("</li>")[0]
    assert mmbench.task("pygame-pong").instruction in card
    assert "Reward: " in card
    assert re.search(r'Best \d\.\d\d, <a href="submissions/[a-z]+\.html">', card)
    assert text.count("No score yet") == 200 - len(TASKS)


def test_the_browser_sorts_and_filters(browser: webdriver.Chrome, address: str) -> None:
    browser.get(urljoin(address, "submissions/random.html"))
    table = browser.find_element(By.ID, "random-tasks")

    def column(index: int) -> list[str]:
        rows = table.find_elements(By.CSS_SELECTOR, "tbody tr")
        return [
            row.find_elements(By.TAG_NAME, "td")[index].text for row in rows if row.is_displayed()
        ]

    heading = table.find_elements(By.CSS_SELECTOR, "th button")[2]
    heading.click()
    assert column(2) == sorted(column(2), key=float)
    heading.click()
    assert column(2) == sorted(column(2), key=float, reverse=True)
    assert table.find_elements(By.TAG_NAME, "th")[2].get_attribute("aria-sort") == "descending"
    field = browser.find_element(By.CSS_SELECTOR, "input[data-filter=random-tasks]")
    field.send_keys("PONG")
    assert column(0) == ["pygame-pong"]
    field.clear()
    field.send_keys("x")
    field.send_keys("\b")
    assert len(column(0)) == 3


@pytest.mark.parametrize("width", [1200, 390])
@pytest.mark.parametrize(
    "page",
    ["index.html", "compare.html", "tasks.html", "submit.html", "submissions/nasty.html"]
    + ["domains/mujoco.html", "tasks/pygame-pong.html"],
)
def test_pages_are_quiet_and_can_be_read_by_all(
    browser: webdriver.Chrome, address: str, page: str, width: int
) -> None:
    browser.get_log("browser")
    browser.get_log("performance")
    browser.set_window_size(width, 1000)
    browser.get(urljoin(address, page))
    deadline = time.monotonic() + 10
    figures = browser.find_elements(By.CSS_SELECTOR, ".plotly-graph-div")
    while not all(f.find_elements(By.TAG_NAME, "svg") for f in figures):
        assert time.monotonic() < deadline, "a figure was not drawn"
        time.sleep(0.1)
    assert browser.title != "owned"
    assert browser.get_log("browser") == []
    asked = re.findall(r'"url":"((?:https?|wss?):[^"]+)"', str(browser.get_log("performance")))
    assert {urlsplit(url).hostname for url in asked} <= {"127.0.0.1"}
    wider = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert browser.execute_script(wider) <= 0
    faults = Axe().run(browser)["violations"]
    serious = [f for f in faults if f["impact"] in ("serious", "critical")]
    assert [(f["id"], [node["html"][:100] for node in f["nodes"][:2]]) for f in serious] == []


def test_the_keyboard_reaches_everything(browser: webdriver.Chrome, address: str) -> None:
    browser.get(urljoin(address, "index.html"))
    names = []
    for _ in range(8):
        browser.switch_to.active_element.send_keys("\ue004")
        names.append(browser.switch_to.active_element.text)
    assert names[:6] == ["Skip to the content", "MMBench", "Ranking", "Compare", "Tasks", "Submit"]


def test_pictures_and_films_are_made(submissions: Path, tmp_path: Path) -> None:
    shutil.copy(submissions / "zero.zip", tmp_path / "zero.zip")
    entry = read_entries(tmp_path, 0)[0]
    films = film_episodes(entry, tmp_path)
    assert [task for task, _ in films] == ["pygame-cartpole-balance", "mujoco-inverted-pendulum"]
    assert all((tmp_path / file).read_bytes().startswith(b"GIF8") for _, file in films)
    drawn = draw_tasks(["pygame-pong"], tmp_path, lambda progress: None)
    assert (tmp_path / drawn["pygame-pong"]).read_bytes().startswith(b"\x89PNG")


def test_a_name_that_is_no_page_is_refused(submissions: Path, tmp_path: Path) -> None:
    shutil.copy(submissions / "zero.zip", tmp_path / "Zero Agent.zip")
    with pytest.raises(SubmissionError, match="small letters, digits and hyphens"):
        site.build(tmp_path, tmp_path / "site", workers=0)
    with pytest.raises(SubmissionError, match="is not a folder"):
        site.build(tmp_path / "none", tmp_path / "site", workers=0)


def test_a_folder_without_submissions_is_a_site_too(tmp_path: Path) -> None:
    site.build(tmp_path, tmp_path / "site", workers=0)
    assert "no submission yet" in (tmp_path / "site" / "index.html").read_text()


def test_simulators_of_other_versions_are_another_track(submissions: Path) -> None:
    entries = read_entries(submissions, 0)
    tracks = by_track(entries)
    assert [len(ranked) for ranked in tracks.values()] in ([1, 2], [2, 1])
    for number, entry in enumerate(entries):
        other = entry.manifest.model_copy(update={"simulators": {"mujoco": str(number)}})
        object.__setattr__(entry, "manifest", other)
    assert [len(ranked) for ranked in by_track(entries).values()] == [1, 1, 1]


def test_two_of_one_name_keep_their_columns(submissions: Path, tmp_path: Path) -> None:
    for slug in ("zero", "again"):
        shutil.copy(submissions / "zero.zip", tmp_path / f"{slug}.zip")
    site.build(tmp_path, tmp_path / "site", workers=0)
    table = json.loads((tmp_path / "site" / "data" / "domain-mujoco.json").read_text())
    assert table["columns"] == ["task", "Zero (again)", "Zero"]
    by_task = {task: scores for task, *scores in table["data"]}
    assert by_task["mujoco-ant"] == [None, None]
    first, second = by_task["mujoco-inverted-pendulum"]
    assert first == second
    assert isinstance(first, float)
