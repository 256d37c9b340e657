// Every slash command of the terminal client, written by tests/pages/commands.py from its table.

export const AS_IT_IS = "A space before it sends it as it is.";

export const EFFORTS = ["off", "low", "medium", "high"];

export const PART_CHARS = 3;

export const SETTINGS = {
  model: "PROVIDER/NAME",
  temperature: "0 to 2; higher is more varied",
  max_tokens: "tokens of a reply at most",
  reasoning_effort: "off, low, medium, high",
  seed: "a whole number, for the same answer again",
  stop: "texts before which a reply ends, each in quotation marks",
  system: "instructions to the model, before everything else",
};

export const COMMANDS = [
  { slash: "help", help: "What every key does.", argument: "", pattern: "[^\\n]+", asks: "" },
  { slash: "new", help: "Begin a new conversation.", argument: "", pattern: "[^\\n]+", asks: "" },
  { slash: "sessions", help: "Show or hide the list.", argument: "", pattern: "[^\\n]+", asks: "" },
  {
    slash: "search",
    help: "Search every conversation.",
    argument: "WORDS",
    pattern: "[^\\n]+",
    asks: "",
  },
  {
    slash: "summary",
    help: "What this conversation was about.",
    argument: "",
    pattern: "[^\\n]+",
    asks: "",
  },
  {
    slash: "memory",
    help: "Show and forget what is remembered of it.",
    argument: "",
    pattern: "[^\\n]+",
    asks: "",
  },
  {
    slash: "rename",
    help: "Give this conversation a title.",
    argument: "TITLE",
    pattern: "[^\\n?!]{1,60}(?<![.:;])",
    asks: "Take it as the title",
  },
  {
    slash: "stop",
    help: "Stop the reply and keep its text.",
    argument: "",
    pattern: "[^\\n]+",
    asks: "",
  },
  {
    slash: "retry",
    help: "Answer the last message again.",
    argument: "MODE",
    pattern: "\\S+",
    asks: "",
  },
  { slash: "edit", help: "Edit your last message.", argument: "", pattern: "[^\\n]+", asks: "" },
  {
    slash: "mode",
    help: "Choose the mode of the next replies.",
    argument: "MODE",
    pattern: "\\S+",
    asks: "",
  },
  {
    slash: "rate",
    help: "Rate this conversation from 1 to 5.",
    argument: "1-5",
    pattern: "\\S+",
    asks: "",
  },
  {
    slash: "end",
    help: "End this conversation and write its summary.",
    argument: "",
    pattern: "[^\\n]+",
    asks: "End the conversation",
  },
  {
    slash: "export",
    help: "Write this conversation to a Markdown file.",
    argument: "FILE",
    pattern: "\\S+|[^\\n]+\\.md",
    asks: "",
  },
  {
    slash: "delete",
    help: "Delete this conversation.",
    argument: "",
    pattern: "[^\\n]+",
    asks: "Delete the conversation",
  },
  {
    slash: "model",
    help: "Choose the model of this conversation.",
    argument: "NAME",
    pattern: "\\S+",
    asks: "",
  },
  {
    slash: "again",
    help: "Answer the last message again with another model.",
    argument: "NAME",
    pattern: "\\S+",
    asks: "",
  },
  {
    slash: "set",
    help: "Show and set how the model answers here: temperature, seed \u2026",
    argument: "NAME VALUE",
    pattern: "(?:model|temperature|max_tokens|reasoning_effort|seed|stop|system)(?:\\s+[^\\n]+)?",
    asks: "",
  },
  {
    slash: "context",
    help: "Show what will be sent to the model with the text in the prompt.",
    argument: "",
    pattern: "[^\\n]+",
    asks: "",
  },
  {
    slash: "think",
    help: "Set how long the model thinks in this conversation.",
    argument: "EFFORT",
    pattern: "off|low|medium|high|default",
    asks: "",
  },
  {
    slash: "setup",
    help: "Choose where the model is, and try it.",
    argument: "",
    pattern: "[^\\n]+",
    asks: "",
  },
  { slash: "theme", help: "Choose the colours.", argument: "NAME", pattern: "\\S+", asks: "" },
  { slash: "quit", help: "Leave GenPy.", argument: "", pattern: "[^\\n]+", asks: "Leave GenPy" },
];
