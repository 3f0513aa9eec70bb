"""The freeze explorer in a browser with no kernel behind it, as on the static site."""

import json
import statistics

import pytest
from widget_page import show

import tlcourse as tl
from tlcourse.widgets import FreezeExplorer

MEASURED = [
    {"dataset": "pets", "strategy": strategy, "train_per_class": 10, "size": 96}
    | {"mean": mean, "low": mean - 0.02, "high": mean + 0.02, "n": 5}
    for strategy, mean in (("linear_probe", 0.86), ("last_1", 0.9), ("finetune_all", 0.95))
]


@pytest.fixture(scope="module")
def backbone():
    found = tl.load_backbone("efficientnet_lite0", weights=None)
    found.weights = "imagenet"  # said, for names of strategies depend on it
    return found


@pytest.fixture
def explorer(backbone):
    shown = FreezeExplorer(backbone, size=64)
    shown.measured = MEASURED
    return shown


def stage(page, name):
    return page.get_by_role("button", name=name).first


def card(page, title):
    return page.locator(".tlx-card", has=page.get_by_role("heading", name=title, exact=True))


def choice(page):
    return page.evaluate("state.get('choice')")


def test_clicks_change_every_figure(page, explorer):
    show(page, explorer)
    network = explorer.network
    expect_figures(page, network, explorer.choice)
    assert "linear_probe" in card(page, "Accuracy, measured").inner_text()
    stage(page, "stage8").click()
    assert choice(page)["frozen"] == [f"stage{i}" if i else "stem" for i in range(8)]
    assert choice(page)["adapting"] == [], "what is pretrained keeps its statistics"
    expect_figures(page, network, choice(page))
    assert "0.900" in card(page, "Accuracy, measured").inner_text()
    stage(page, "stage3").click()
    expect_figures(page, network, choice(page))
    assert "Nearest to it" in card(page, "Accuracy, measured").inner_text()
    assert "stage3 is trained below a frozen stage" in page.locator(".tlx-warnings").inner_text()
    page.get_by_role("button", name="BN still: batch norm of stage4").click()
    assert "Batch norm is alive in frozen stage4" in page.locator(".tlx-warnings").inner_text()
    page.get_by_role("button", name="Fine-tune all").click()
    assert page.locator(".tlx-warnings li").count() == 0
    expect_figures(page, network, choice(page))
    page.get_by_label("Keep stages up to").select_option("6")
    page.get_by_label("On top").select_option("256")
    page.get_by_label("random weights").check()
    expect_figures(page, network, choice(page))
    assert page.locator('.tlx-stage[data-state="removed"]').count() == 3
    assert page.errors == [] and page.strangers == []


def expect_figures(page, network, chosen):
    """What the page shows is what its sums say; tests/widgets/test_costs.py checks those."""
    say = page.evaluate(
        "async ([source, ...given]) => {"
        "const module = await import(URL.createObjectURL(new Blob([source],"
        "{type: 'text/javascript'})));"
        "return module.default(...given); }",
        [
            str(FreezeExplorer._esm).replace(
                "export default { render };",
                "export default (network, choice) => { const s = summarise(network, choice);"
                "return [`${formatCount(s.parameters.trained)} trained`,"
                "`${formatShare(s.work.total)} left`, formatBytes(s.memory.activations),"
                "formatSeconds(s.seconds.plain), s.cache.through]; };",
            ),
            network,
            chosen,
        ],
    )
    shown = [
        card(page, title).locator(".big").inner_text()
        for title in ("Parameters", "Work of an epoch", "Memory", "Time of an epoch, estimated")
    ]
    assert shown[:3] == say[:3] and shown[3].startswith(say[3])
    expected = f"through {say[4]}" if say[4] else "nothing"
    assert card(page, "Cache").locator(".big").inner_text() == expected
    states = page.locator("button.tlx-block").evaluate_all(
        "all => all.map((b) => b.getAttribute('aria-pressed') === 'true')"
    )
    assert states == [s["name"] in chosen["frozen"] for s in network["stages"]]


def test_by_keyboard_alone(page, explorer):
    show(page, explorer)
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('tlx-block')"):
            break
    focused = "document.activeElement.textContent"
    assert page.evaluate(focused).startswith("stem")
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(focused).startswith("stage7")
    page.keyboard.press("Enter")
    assert "stage7" not in choice(page)["frozen"]
    page.keyboard.press("b")
    assert "stage7" in choice(page)["adapting"]
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.textContent") == "BN alive"
    page.keyboard.press("Space")
    assert "stage7" not in choice(page)["adapting"]
    page.keyboard.press("Home")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("t")
    assert choice(page)["frozen"] == ["stem"]
    assert "3.37 M parameters trained" in page.locator("[aria-live]").inner_text()
    ring = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert ring == "solid"


def test_every_control_has_a_name_and_the_page_has_no_double_ids(page, explorer):
    show(page, explorer, views=2)
    tree = page.locator("#view0").aria_snapshot()
    assert '- button "stem frozen' in tree and "[pressed]" in tree
    assert 'toolbar "Stages, from the picture to the output"' in tree
    nameless = page.evaluate(
        "[...document.querySelectorAll('button, select, input')].filter((e) =>"
        "!(e.textContent.trim() || e.getAttribute('aria-label') || e.labels?.length)).length"
    )
    assert nameless == 0
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids))


def test_shown_twice_both_follow_and_one_can_be_closed(page, explorer):
    show(page, explorer, views=2)
    page.locator("#view0").get_by_role("button", name="stage8").first.click()
    trained = page.locator('#view1 .tlx-stage[data-state="trained"]')
    assert trained.count() == 1
    page.evaluate("closers[0]()")
    page.locator("#view1").get_by_role("button", name="stage7").first.click()
    assert trained.count() == 2 and page.errors == []


def test_keys_are_explained_where_there_are_keys(page, chromium, explorer):
    context = chromium.new_context(
        viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True
    )
    phone = context.new_page()
    for one, keys in ((page, True), (phone, False)):
        show(one, explorer)
        hint = one.locator(".tlx-hint").inner_text()
        assert "Click a stage" in hint and ("arrows move" in hint) == keys
    context.close()


def test_without_a_kernel_it_says_what_training_needs(page, explorer):
    explorer.can_train = True
    show(page, explorer)
    assert page.get_by_role("button", name="Train", exact=True).is_disabled()
    assert "Training needs a running kernel" in page.locator(".tlx-status").inner_text()


def test_a_kernel_that_stops_answering_ends_in_a_message(page, explorer):
    explorer.can_train = True
    page.clock.install()
    show(page, explorer, kernel=True)
    page.get_by_role("button", name="Train", exact=True).click()
    assert page.evaluate("state.sent.filter((m) => m.do === 'train').length") == 1
    page.evaluate("state.set('run_state', 'training'); state.answers = 'no more'")
    assert page.get_by_role("button", name="Stop").is_enabled()
    page.clock.run_for(20_000)
    assert "The kernel does not answer" in page.locator(".tlx-status").inner_text()
    stage(page, "stage8").click()
    assert "stage8" not in choice(page)["frozen"]
    page.evaluate("state.fire('msg:custom', { say: 'here' })")
    assert "does not answer" not in page.locator(".tlx-status").inner_text()


def test_training_waits_for_a_cell_that_runs(page, explorer):
    explorer.can_train = True
    page.clock.install()
    show(page, explorer, kernel=True)
    page.evaluate(
        "state.widget_manager = { kernel: { status: 'busy' } }; state.answers = 'no more'"
    )
    page.get_by_role("button", name="Train", exact=True).click()
    page.clock.run_for(600_000)
    status = page.locator(".tlx-status")
    assert status.inner_text() == "It begins when the cell that runs has ended."
    page.evaluate("state.set('run_state', 'preparing')")
    assert "Reading pictures" in status.inner_text()
    page.evaluate("state.set('run_state', 'idle'); state.widget_manager.kernel.status = 'idle'")
    page.clock.run_for(20_000)
    assert "run the cells down to this one" in status.inner_text()
    assert page.errors == []


def test_curves_of_runs_are_drawn_and_told(page, explorer):
    rows = [{"epoch": i, "train_accuracy": i / 5, "validation_accuracy": i / 6} for i in (1, 2, 3)]
    run = {"id": 0, "label": "linear_probe", "rows": rows, "state": "running"}
    explorer.runs = [run | {"best": 0.5, "seconds": 1.0}]
    show(page, explorer)
    chart = page.get_by_role("img", name="linear_probe")
    assert "best validation accuracy 0.500" in chart.get_attribute("aria-label")
    points = chart.locator("polyline.validation").get_attribute("points").split()
    assert len(points) == 3
    heights = [float(point.split(",")[1]) for point in points]
    assert heights == sorted(heights, reverse=True)
    page.evaluate("state.set('runs', [{...state.get('runs')[0], rows: []}])")
    assert page.locator("polyline").count() == 0 and page.errors == []


def test_a_network_of_two_stages_and_a_problem_to_tell(page):
    two = tl.replace_head(tl.load_backbone("resnet18", weights=None), ["a", "b"], cut="stage1")
    explorer = FreezeExplorer(two, size=32)
    explorer.message = "Something was wrong <b>here</b>."
    show(page, explorer)
    assert page.get_by_role("alert").inner_text() == explorer.message
    for name in ("stem", "stage1"):
        stage(page, name).click()
    assert choice(page)["frozen"] == ["stem", "stage1"]
    assert page.errors == []


@pytest.mark.parametrize("width", [360, 560, 700, 1280, 1920])
def test_nothing_sticks_out(page, explorer, width):
    page.set_viewport_size({"width": width, "height": 900})
    show(page, explorer)
    stage(page, "stage7").click()
    sizes = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert sizes[0] <= sizes[1]
    outside = page.evaluate(
        "[...document.querySelectorAll('.tlw button, .tlw select, .tlx-card')].filter((e) => {"
        "const box = e.getBoundingClientRect(), all = e.closest('.tlw').getBoundingClientRect();"
        "return box.right > all.right + 0.5 || box.left < all.left - 0.5; }).length"
    )
    assert outside == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_theme_of_the_page_counts(page, explorer, theme):
    page.emulate_media(color_scheme="dark" if theme == "light" else "light")
    show(page, explorer, theme=theme)
    shade = page.evaluate(
        "getComputedStyle(document.querySelector('.tlw')).backgroundColor.match(/\\d+/g).map(Number)"
    )
    assert (sum(shade[:3]) > 380) == (theme == "light")


def test_a_toggle_takes_less_than_a_tenth_of_a_second(page, explorer):
    show(page, explorer)
    times = page.evaluate(
        "async () => { const times = [];"
        "for (const block of document.querySelectorAll('button.tlx-block')) {"
        "  const before = performance.now(); block.click();"
        "  document.body.getBoundingClientRect();"  # layout included
        "  times.push(performance.now() - before);"
        "  await new Promise((done) => setTimeout(done)); }"
        "return times; }"
    )
    print(json.dumps([round(t, 1) for t in times]))
    assert statistics.median(times) < 100


def test_the_preset_that_holds_is_pressed_and_a_phone_keeps_the_sum_in_sight(page, explorer):
    show(page, explorer)
    pressed = page.locator(".tlx-presets button[aria-pressed='true']", has_not_text="PyTorch")
    page.get_by_role("button", name="Fine-tune all").click()
    assert pressed.all_inner_texts() == ["Fine-tune all"]
    stage(page, "stage8").click()
    assert pressed.count() == 0
    bar = page.locator(".tlx-sum")
    assert not bar.is_visible()
    page.set_viewport_size({"width": 360, "height": 740})
    page.evaluate("scrollTo(0, 900)")
    assert bar.is_visible() and bar.bounding_box()["y"] >= -1
    assert "of the work" in bar.inner_text()
    assert page.errors == []
