"""The player in a headless browser: what its pictures show after clicks."""

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from headless_browser import MARKS, launched
from PIL import Image
from player_data import (
    STEP,
    body,
    performance,
    sequence,
    skeleton,
    video_of,
)

from masa.alignment import ReferenceSet, save_comparisons
from masa.visualization.player import Mark, Player, Track, player_page

pytestmark = MARKS
NASTY = 'drawn</script><img src="https://example.com/x.png">'
# At 10, 5 and 10 frames a second: 2, 6 and 1.2 seconds.
CLOCK, SLOW, DRAWN = 20, 30, 12
# The second skips and waits, the third has counterparts in the middle only.
SLOW_FRAMES = [3, 3, 4, 6, 6, 7, 9, 10, 12, 13, 15, 17, 18, 20, 21, 23, 25, 26]
SLOW_FRAMES += [28, 29]
DRAWN_FRAMES = [-1] * 4 + list(range(12)) + [-1] * 4
PANELS = ('clock', 'slow', NASTY)


@pytest.fixture(scope='module')
def browser():
    with launched() as browser:
        yield browser


@pytest.fixture(scope='module')
def path(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('player')
    clock = sequence('clock', CLOCK, 10, video=video_of(folder / 'a', CLOCK))
    slow = sequence('slow', SLOW, 5, video=video_of(folder / 'b', SLOW))
    drawn = sequence(
        NASTY, DRAWN, 10, keypoint=body(DRAWN), skeleton=skeleton()
    )
    player = Player(
        [
            Track(clock, np.arange(CLOCK)),
            Track(slow, np.array(SLOW_FRAMES), np.arange(20.0), 0.25),
            Track(drawn, np.array(DRAWN_FRAMES), first_frame=100),
        ],
        marks=[
            Mark('phase one', 0, 9),
            Mark('phase two', 10, 19),
            Mark('knee', 7),
            Mark('elbow', 15, track=1),
        ],
        curve_title='distance',
    )
    path = folder / 'player.html'
    path.write_text(player_page(player, NASTY), encoding='utf-8')
    return path


@contextmanager
def opened(browser, path, width=1200):
    """Open a page that may load nothing and write nothing to the console."""
    height = 844 if width < 600 else 900
    context = browser.new_context(viewport=dict(width=width, height=height))
    page = context.new_page()
    wrong, requests = [], []
    page.on('console', lambda message: wrong.append(message.text))
    page.on('pageerror', lambda error: wrong.append(str(error)))
    page.on('request', lambda request: requests.append(request.url))
    page.goto(path.as_uri())
    yield page
    assert wrong == []
    # Nothing but the page itself.
    assert requests == [path.as_uri()]
    context.close()


@pytest.fixture(params=[390, 1200])
def page(request, browser, path):
    """The page, at the width of a phone and of a screen."""
    with opened(browser, path, request.param) as page:
        yield page


def settle(page):
    """Wait until every panel has drawn what it is to show."""
    page.wait_for_function(
        """() => [...document.querySelectorAll('.panel')].every(
            (one) => one.hidden || one.dataset.drawn === one.dataset.frame)"""
    )


def color_at(page, panel, x, y):
    """The color of a pixel of a canvas, (4,) RGBA."""
    settle(page)
    return page.evaluate(
        """([panel, x, y]) => {
            const copy = document.createElement('canvas');
            const context = copy.getContext('2d');
            const shown = document.querySelectorAll('canvas')[panel];
            context.drawImage(shown, 0, 0);
            return [...context.getImageData(x, y, 1, 1).data];
        }""",
        [panel, x, y],
    )


def shown_frames(page):
    """The frames that the pictures themselves show, not their labels."""
    return [round(color_at(page, i, 9, 9)[0] / STEP) for i in range(2)]


def drawn_bones(page):
    """What is drawn of the skeleton."""
    settle(page)
    return page.evaluate(
        """() => document.querySelectorAll('canvas')[2].toDataURL()"""
    )


def labels(page):
    return page.locator('.when').all_text_contents()


def button(page, name):
    return page.get_by_role('button', name=name, exact=True)


def click_on_scrubber(page, share):
    # The middle of the thumb, of 20 pixels, moves between its halves.
    box = page.locator('.scrubber').bounding_box()
    x = 10 + share * (box['width'] - 20)
    page.locator('.scrubber').click(position=dict(x=x, y=box['height'] / 2))


def test_every_moment_shows_the_frames_that_are_aligned(page):
    for moment in range(CLOCK):
        assert shown_frames(page) == [moment, SLOW_FRAMES[moment]]
        frame = max([0, *DRAWN_FRAMES[: moment + 1]])
        assert labels(page) == [
            f'{moment / 10:.2f} s · frame {moment}',
            f'{SLOW_FRAMES[moment] / 5:.2f} s · frame {SLOW_FRAMES[moment]}',
            f'{frame / 10:.2f} s · frame {100 + frame}',
        ]
        waits = page.locator('.panel.waiting')
        if DRAWN_FRAMES[moment] < 0:
            assert waits.locator('b').all_text_contents() == [NASTY]
            assert 'no counterpart' in waits.locator('.wait').inner_text()
        else:
            assert waits.count() == 0
        page.keyboard.press('ArrowRight')
    # It ends there.
    assert shown_frames(page) == [CLOCK - 1, SLOW_FRAMES[-1]]


def test_play_and_pause(page):
    page.locator('.speed').select_option('0.25')
    button(page, 'play').click()
    page.wait_for_function(
        "() => document.querySelector('.panel').dataset.drawn > 3"
    )
    button(page, 'pause').click()
    stopped = shown_frames(page)
    assert stopped[1] == SLOW_FRAMES[stopped[0]]
    assert 3 < stopped[0] < CLOCK - 1
    page.wait_for_timeout(300)
    assert shown_frames(page) == stopped
    # To the end, and from the start again.
    for _ in range(9):
        page.keyboard.press(']')
    assert page.locator('.speed').input_value() == '2'
    page.locator('.scrubber').focus()
    page.keyboard.press(' ')
    button(page, 'play').wait_for()
    assert shown_frames(page) == [CLOCK - 1, SLOW_FRAMES[-1]]
    page.keyboard.press(' ')
    page.wait_for_function(
        "() => document.querySelector('.panel').dataset.drawn < 9"
    )
    page.keyboard.press(' ')


def test_speed_is_that_of_seconds(page):
    def seconds_to_end():
        page.keyboard.press('Home')
        return page.evaluate(
            """() => new Promise((done) => {
                const start = performance.now();
                const play = document.querySelector('[data-do=play]');
                play.click();
                const wait = () => {
                    if (play.ariaLabel === 'play') {
                        done((performance.now() - start) / 1000);
                    } else requestAnimationFrame(wait);
                };
                wait();
            })"""
        )

    # A busy machine may take longer.
    once = seconds_to_end()
    assert 1.9 < once < 3.5
    page.locator('.speed').select_option('2')
    assert 0.9 < seconds_to_end() < 0.75 * once


def test_repeat(page):
    button(page, 'repeat').click()
    page.locator('.speed').select_option('2')
    page.keyboard.press('End')
    page.keyboard.press('ArrowLeft')
    button(page, 'play').click()
    page.wait_for_function(
        "() => document.querySelector('.panel').dataset.drawn < 9"
    )
    assert button(page, 'pause').count() == 1
    page.keyboard.press('Home')


def test_steps_keys_and_scrubber(page):
    button(page, 'one frame forth').click()
    button(page, 'one frame forth').click()
    assert shown_frames(page) == [2, SLOW_FRAMES[2]]
    button(page, 'one frame back').click()
    assert shown_frames(page) == [1, SLOW_FRAMES[1]]
    page.keyboard.press('End')
    assert shown_frames(page) == [19, 29]
    page.keyboard.press('ArrowLeft')
    assert shown_frames(page) == [18, 28]
    page.keyboard.press('Home')
    page.keyboard.press('ArrowLeft')
    assert shown_frames(page) == [0, 3]
    page.keyboard.press('[')
    assert page.locator('.speed').input_value() == '0.75'
    # A moment lasts until the next: 12 of the 19 steps.
    click_on_scrubber(page, 12.4 / 19)
    assert shown_frames(page) == [12, SLOW_FRAMES[12]]
    assert page.locator('.scrubber').get_attribute('aria-valuetext')


def test_as_recorded_each_plays_its_own_seconds(page):
    button(page, 'As recorded').click()
    assert shown_frames(page) == [0, 0]
    for _ in range(6):
        page.keyboard.press('ArrowRight')
    # 0.6 s, at 10 and 5 frames a second.
    assert shown_frames(page) == [6, 3]
    assert page.locator('.panel.waiting').count() == 0
    page.keyboard.press('End')
    assert shown_frames(page) == [CLOCK - 1, SLOW - 1]
    # After the clock's end, by the frames of the one that goes on.
    page.keyboard.press('ArrowLeft')
    assert shown_frames(page) == [CLOCK - 1, SLOW - 2]
    assert not page.locator('.plot').is_visible()
    assert 'aligned' in page.locator('.curves figcaption').inner_text()
    button(page, 'Aligned').click()
    assert shown_frames(page) == [CLOCK - 1, SLOW_FRAMES[-1]]
    assert page.locator('.plot').is_visible()
    assert 'distance' in page.locator('.curves figcaption').inner_text()


@pytest.mark.parametrize(
    'control',
    [
        *('[data-mode=aligned]', '[data-mode=recorded]', '[data-do=forth]'),
        *('[data-do=loop]', '.marks .moment >> nth=0', '.choice label'),
        *('.choice input >> nth=1', '.speed'),
    ],
)
def test_keys_after_a_click(page, control):
    page.locator(control).first.click()
    if control == '.speed':
        # Its list is the system's, beyond the page.
        page.locator(control).evaluate(
            """(one) => one.dispatchEvent(
                new Event('change', {bubbles: true}))"""
        )
    speed = page.locator('.speed').input_value()
    page.keyboard.press('Home')
    page.keyboard.press('ArrowRight')
    assert page.locator('.now').inner_text().startswith('0.10 ')
    assert page.locator('.speed').input_value() == speed
    page.keyboard.press(' ')
    button(page, 'pause').wait_for()
    page.keyboard.press(' ')
    button(page, 'play').wait_for()


def test_keyboard_users_stay_on_a_control(page):
    repeat = button(page, 'repeat')
    repeat.click()
    page.keyboard.press('Tab')
    repeat.focus()
    page.keyboard.press(' ')
    page.keyboard.press(' ')
    page.keyboard.press('Enter')
    assert repeat.get_attribute('aria-pressed') == 'false'
    assert repeat.evaluate('(one) => one === document.activeElement')
    assert button(page, 'play').count() == 1


def test_marks_and_the_curve_seek(page):
    for name, moment in (('phase two', 10), ('phase one', 0), ('knee', 7)):
        page.locator('.marks').get_by_title(name).click()
        assert shown_frames(page) == [moment, SLOW_FRAMES[moment]]
    page.locator('.moments').get_by_text('elbow').click()
    assert shown_frames(page) == [15, SLOW_FRAMES[15]]
    plot = page.locator('.plot')
    width = plot.bounding_box()['width']
    plot.click(position=dict(x=width * 4.5 / 19, y=20))
    assert shown_frames(page) == [4, SLOW_FRAMES[4]]
    assert 'distance' in page.locator('.curves figcaption').inner_text()


def test_sequences_are_chosen(page):
    assert page.locator('.panel:visible').count() == 3
    page.get_by_role('checkbox', name='slow').uncheck()
    assert page.locator('.panel:visible b').all_text_contents() == [
        'clock',
        NASTY,
    ]
    # With it go its mark and its curve.
    assert page.locator('.moments li').all_text_contents() == ['knee']
    assert not page.locator('.curves').is_visible()
    # One stays.
    page.get_by_role('checkbox', name='clock').uncheck()
    assert page.get_by_role('checkbox', name=NASTY).is_disabled()
    page.get_by_role('checkbox', name='clock').check()
    assert page.get_by_role('checkbox', name=NASTY).is_enabled()
    page.get_by_role('checkbox', name='slow').check()
    page.keyboard.press('Home')
    assert shown_frames(page) == [0, 3]


def test_skeletons_are_turned(page):
    page.keyboard.press('Home')
    before = drawn_bones(page)
    canvas = page.locator('canvas.solid')
    canvas.evaluate('(one) => one.scrollIntoView()')
    box = canvas.bounding_box()
    x, y = box['x'] + box['width'] / 2, box['y'] + box['height'] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y, steps=3)
    page.mouse.up()
    after = drawn_bones(page)
    assert after != before
    angle = page.get_by_label('turn the skeletons')
    assert float(angle.input_value()) == pytest.approx(np.degrees(-0.6), abs=1)
    page.mouse.dblclick(x, y)
    assert drawn_bones(page) == before


def test_nothing_is_cut_off(page):
    assert page.evaluate('document.documentElement.scrollWidth <= innerWidth')
    # Every control has a name.
    for control in page.locator('.player button, .player select').all():
        assert (
            control.get_attribute('aria-label') or control.inner_text().strip()
        )


def test_mirrored_pictures_and_joints_on_them(browser, tmp_path):
    picture = np.zeros((32, 80), np.uint8)
    picture[:, :40] = 200
    (tmp_path / 'v').mkdir()
    Image.fromarray(picture).save(tmp_path / 'v' / '0.png')
    # One bone from the left to the right, in the lower part.
    keypoint = np.full((1, 2, 2), [[5.0, 24], [30, 24]])
    layout = dict(joints=['left_hand', 'left_foot'], bones=[[0, 1]])
    one = sequence(
        'one', 1, video=tmp_path / 'v', keypoint=keypoint, skeleton=layout
    )
    mirror = replace(one, keypoint=keypoint * [-1, 1])
    frames = np.zeros(1, int)
    player = Player([Track(one, frames), Track(mirror, frames, mirrored=True)])
    path = tmp_path / 'mirror.html'
    path.write_text(player_page(player, 'mirror'), encoding='utf-8')
    with opened(browser, path) as page:
        for panel, x in ((0, 20), (1, 59)):
            assert color_at(page, panel, x, 8)[:3] == pytest.approx(
                [200] * 3, abs=4
            )
            # The left of a mirror image is the person's right.
            red, _, blue, _ = color_at(page, panel, x, 24)
            assert (blue - red) * (1 - 2 * panel) > 50
            assert color_at(page, panel, 79 - x, 8)[0] < 10
        page.get_by_role('checkbox', name='joints').uncheck()
        assert color_at(page, 0, 20, 24)[0] == pytest.approx(200, abs=4)


def test_the_page_of_repetitions(browser, tmp_path):
    known = ReferenceSet([performance('good', 40, 0)])
    made = [
        known.compare(performance('new', 50, knee), first_frame=start)
        for knee, start in ((0.1, 0), (0.4, 50), (0.2, 100))
    ]
    save_comparisons(made, tmp_path / 'c.html')
    with opened(browser, tmp_path / 'c.html') as page:
        # The table of the player and that of the page have one order.
        chosen = page.locator('.choice label').all_text_contents()[1:]
        links = page.locator('td a')
        assert chosen == links.all_text_contents()
        assert page.locator('.panel:visible').count() == 2
        assert (
            page.locator('.panel:visible b')
            .nth(1)
            .inner_text()
            .startswith('repetition 2')
        )
        section = page.locator('details[id]').nth(2)
        assert not section.locator('svg').first.is_visible()
        links.nth(2).click()
        assert section.locator('svg').first.is_visible()
        playing = page.locator('.panel:visible b').all_inner_texts()
        assert len(playing) == 2
        assert playing[1].startswith('repetition 3')


def test_the_page_of_a_comparison(browser, tmp_path):
    known = ReferenceSet([performance('good', 40, 0)])
    one = known.compare(performance('new', 50, 0.3))
    one.save(tmp_path / 'c.html')
    with opened(browser, tmp_path / 'c.html', 390) as page:
        first = one.differences(3)[0]
        page.locator('.moments').get_by_text(first.sentence).click()
        matched = one.matches[first.frame]
        assert labels(page) == [
            f'{matched / 30:.2f} s · frame {matched}',
            f'{first.frame / 30:.2f} s · frame {first.frame}',
        ]
        page.keyboard.press('ArrowRight')
        assert f'frame {first.frame + 1}' in labels(page)[1]
        # Elsewhere the keys are those of the page.
        page.locator('h1').click()
        page.keyboard.press('ArrowRight')
        assert f'frame {first.frame + 1}' in labels(page)[1]
        assert page.evaluate(
            'document.documentElement.scrollWidth <= innerWidth'
        )
        page.emulate_media(media='print')
        assert not page.locator('#player').is_visible()
        assert page.locator('h2').first.is_visible()


def test_a_page_in_a_frame_tells_its_height(browser, tmp_path, path):
    known = ReferenceSet([performance('good', 40, 0)])
    known.compare(performance('new', 50, 0.3)).save(tmp_path / 'c.html')
    for inside in (path, tmp_path / 'c.html'):
        outside = tmp_path / 'outside.html'
        outside.write_text(
            '<script>const told = []; addEventListener("message", (event) => '
            'told.push(event.data.height))</script><iframe id="f" '
            f'sandbox="allow-scripts" src="{inside.as_uri()}"></iframe>'
        )
        page = browser.new_page()
        page.goto(outside.as_uri())
        page.wait_for_function('told.length')
        height = (
            page.frame_locator('#f')
            .locator('html')
            .evaluate('one => one.getBoundingClientRect().height')
        )
        assert page.evaluate('told.at(-1)') == np.ceil(height)
        page.close()
