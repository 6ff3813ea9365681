import subprocess
import sys

import pytest
import typer

from app.cli import ROOMS, program


def words_of(app):
    return list(typer.main.get_command(app).commands)


def test_every_room_has_just_the_commands_it_is_listed_with():
    for words in ROOMS.values():
        for word in words:
            assert words_of(program(word)) == list(words)
    assert sorted(words_of(program())) == sorted(word for words in ROOMS.values() for word in words)


def test_a_word_that_is_no_command_is_looked_for_in_the_whole_program():
    assert words_of(program("nonsense")) == words_of(program())


@pytest.mark.parametrize("word", ROOMS["app.client.commands"])
def test_the_clients_commands_do_not_wait_for_the_server_to_be_loaded(word):
    code = f"import sys; from app.cli import program; program({word!r}); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "app.client.http" in loaded
    assert {"sqlalchemy", "polars", "fastapi", "app.services"}.isdisjoint(loaded)


def test_one_command_alone_keeps_its_name():
    result = subprocess.run(
        [sys.executable, "-m", "app.cli", "demo", "--help"], capture_output=True, text=True, check=True
    )
    assert "--once" in result.stdout
