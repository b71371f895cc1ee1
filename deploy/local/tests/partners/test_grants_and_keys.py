"""What a partner cannot be."""

import pytest

from ssenet.data_folder.folder import DataFolder
from ssenet.partners import grants_and_keys
from ssenet.terminal.errors import CommandError


@pytest.mark.parametrize("code", ["bad code!", "fao", "", "A/B", "É", "A" * 41])
def test_a_code_that_no_partner_can_have_is_refused_in_words(folder: DataFolder, code: str) -> None:
    with pytest.raises(CommandError) as refused:
        grants_and_keys.add(folder, code, name="Name", grants=[], language="en")

    assert "begins with a capital letter or a digit" in refused.value.hint
