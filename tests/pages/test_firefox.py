"""What matters most of the pages, in Firefox: tests that pass in Chromium, in another browser."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from pages.conftest import missing
from pages.test_chat import (
    test_a_conversation_from_first_word_to_rating,
    test_a_far_message_opens_among_its_neighbours,
    test_a_link_is_opened_by_its_document_alone,
    test_a_link_is_readable_before_any_file,
    test_a_selection_survives_new_text,
    test_the_list_follows_other_tabs_and_terminals,
    test_the_list_renames_and_deletes,
)
from pages.test_composer import (
    test_a_conversation_deleted_in_mid_reply_is_over,
    test_a_refused_message_is_taken_back,
    test_drafts_are_kept_for_each_conversation,
)
from pages.test_cuts import (
    test_a_reload_and_a_cut_in_mid_reply_cost_nothing,
)
from pages.test_looks import (
    test_a_theme_is_chosen_and_remembered,
    test_only_the_conversation_scrolls,
)
from playwright.async_api import Browser, async_playwright
from support.browser import FIREFOX, launch_firefox

__all__ = [
    "test_a_conversation_deleted_in_mid_reply_is_over",
    "test_a_conversation_from_first_word_to_rating",
    "test_a_far_message_opens_among_its_neighbours",
    "test_a_link_is_opened_by_its_document_alone",
    "test_a_link_is_readable_before_any_file",
    "test_a_refused_message_is_taken_back",
    "test_a_reload_and_a_cut_in_mid_reply_cost_nothing",
    "test_a_selection_survives_new_text",
    "test_a_theme_is_chosen_and_remembered",
    "test_drafts_are_kept_for_each_conversation",
    "test_only_the_conversation_scrolls",
    "test_the_list_follows_other_tabs_and_terminals",
    "test_the_list_renames_and_deletes",
]
pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Debian's Firefox with new and empty profiles."""
    if FIREFOX is None:
        missing("Firefox", "apt-get install firefox-esr")
    async with async_playwright() as playwright:
        browser = await launch_firefox(playwright)
        yield browser
        await browser.close()
