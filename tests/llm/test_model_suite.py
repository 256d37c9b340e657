"""GenPy's own adapter passes the suite that it ships for those of others."""

from genpy_server.llm.groq import GroqLlm
from genpy_server.testing import ModelSuite


class TestCompatible(ModelSuite):
    """Any server of chat completions."""

    def make_model(self, service):
        """See `ModelSuite`."""
        return GroqLlm(key=None, url=service.url, model=None)


class TestGroq(ModelSuite):
    """Groq itself."""

    def make_model(self, service):
        """See `ModelSuite`."""
        return GroqLlm(key="gsk_" + "k" * 20, groq_url=service.root, model="openai/gpt-oss-120b")
