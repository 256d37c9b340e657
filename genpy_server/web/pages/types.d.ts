// The values that the pages' modules share: frames of genpy.v1, answers of the API, what is shown.
// Read by the type checker alone; a browser is never sent this file.

type Json = Record<string, unknown>;
type SessionStatus = "new" | "active" | "completed";
type RunStatus = "done" | "stopped" | "length" | "interrupted" | "content_filter" | "error";

interface Usage {
  prompt_tokens?: number;
  completion_tokens?: number;
}

interface ToolRecord {
  name: string;
  args?: Json;
  ok?: boolean;
  ms?: number;
  result?: string;
}

interface MessageMeta {
  run?: string;
  reply_to?: number;
  replaces?: number;
  intent?: string;
  intent_score?: number;
  intent_reason?: string;
  model?: string;
  status?: RunStatus;
  usage?: Usage;
  ms?: number;
  first_token_ms?: number;
  tools?: ToolRecord[];
  error?: string;
  reasoning?: string;
}

interface SummaryFacts {
  summary?: string | null;
  note?: string | null;
  topics?: string[];
}

interface Mode {
  name: string;
  label: string;
}
interface SessionSettings {
  model?: string | null;
  params?: Json;
  system?: string | null;
}
type Decision = "once" | "session" | "always" | "no";

interface ReadyFrame {
  type: "ready";
  session: string;
  epoch: string;
  seq: number;
  replay: "complete" | "truncated" | "none";
  model: string;
  store: string;
  title: string;
  status: SessionStatus;
  before?: number | null;
  elsewhere?: boolean;
  modes?: Mode[];
  settings?: SessionSettings;
}
interface MessageFrame {
  type: "message";
  seq?: number;
  message_id: number;
  role: Role;
  text: string;
  at: string;
  client_id?: string | null;
  meta?: MessageMeta;
}
interface SnapshotEndFrame {
  type: "snapshot_end";
  seq: number;
}
interface AckFrame {
  type: "ack";
  seq?: undefined;
  id: string;
  message_id: number;
  duplicate: boolean;
}
interface RunStartedFrame {
  type: "run_started";
  seq: number;
  run: string;
  reply_to: number;
  intent: string;
  score: number;
  reason: string;
  model: string;
}
interface ToolStartedFrame {
  type: "tool_started";
  seq: number;
  run: string;
  call: string;
  name: string;
  args?: Json;
}
interface ToolFinishedFrame {
  type: "tool_finished";
  seq: number;
  run: string;
  call: string;
  ok: boolean;
  ms: number;
  result?: string;
  error?: string;
}
interface DeltaFrame {
  type: "delta";
  seq: number;
  run: string;
  offset: number;
  text: string;
}
interface ReasoningFrame {
  type: "reasoning";
  seq: number;
  run: string;
  offset: number;
  text: string;
}
interface ApprovalRequestedFrame {
  type: "approval_requested";
  seq: number;
  run: string;
  call: string;
  name: string;
  args?: Json;
  digest?: string;
  question?: string;
}
interface ApprovalResolvedFrame {
  type: "approval_resolved";
  seq: number;
  run: string;
  call: string;
  decision: Decision;
  by?: "client" | "timeout" | "stopped";
}
interface ToolProgressFrame {
  type: "tool_progress";
  seq: number;
  run: string;
  call: string;
  text: string;
  fraction?: number;
}
interface SettingsFrame extends SessionSettings {
  type: "settings";
  seq: number;
}
interface RunFinishedFrame {
  type: "run_finished";
  seq: number;
  run: string;
  status: RunStatus;
  ms: number;
  first_token_ms?: number;
  message_id?: number;
  at?: string;
  usage?: Usage;
  quota?: Record<string, number>;
  model?: string;
}
interface SummaryFrame extends SummaryFacts {
  type: "summary";
  seq: number;
  user_rating?: number;
}
interface HtmlFrame {
  type: "html";
  seq?: undefined;
  message_id?: number;
  run?: string;
  start?: number;
  end?: number;
  html: string;
}
/** A finished block of a reply; its places are counted in characters. */
interface HtmlBlock {
  start: number;
  end: number;
  html: string;
}
interface SessionEventFrame {
  type: "session";
  seq: number;
  title: string;
  status: SessionStatus;
  user_rating?: number;
  elsewhere?: boolean;
}
interface NoticeFrame {
  type: "notice";
  seq: number;
  code: string;
  text: string;
}
interface ErrorFrame {
  type: "error";
  seq?: number;
  code: string;
  message: string;
  retryable: boolean;
  re?: string;
  run?: string;
  retry_after?: number;
}
type ServerFrame =
  | ReadyFrame
  | MessageFrame
  | SnapshotEndFrame
  | AckFrame
  | RunStartedFrame
  | ToolStartedFrame
  | ToolFinishedFrame
  | DeltaFrame
  | ReasoningFrame
  | ApprovalRequestedFrame
  | ApprovalResolvedFrame
  | ToolProgressFrame
  | SettingsFrame
  | HtmlFrame
  | RunFinishedFrame
  | SummaryFrame
  | SessionEventFrame
  | NoticeFrame
  | ErrorFrame;

interface SetFrame {
  type: "set";
  model?: string | null;
  params?: Json;
  system?: string | null;
}

/** What a page sends. */
type ClientFrame =
  | { type: "send"; id: string; text: string; replaces?: number; intent?: string }
  | { type: "cancel" }
  | { type: "end" }
  | { type: "retry"; intent?: string; model?: string }
  | { type: "rate"; rating: number }
  | { type: "approve"; run: string; call: string; decision: Decision }
  | SetFrame
  | { type: "auth"; token: string };

type Role = "user" | "assistant" | "system";

interface ToolLine {
  call: string;
  name: string;
  args: Json;
  /** null while it runs */
  ok: boolean | null;
  ms: number;
  result: string;
  /** how far it is, in words */
  progress: string;
  /** what a person is asked before it goes on: a question of its own, or "" for whether it may run */
  asks: string | null;
}

/** A message that the server has not committed yet. */
interface Waiting {
  id: string;
  text: string;
  replaces?: number;
  intent?: string;
  refused?: string;
  held?: string;
}

/** Where a connection goes on; else how many of the newest messages it wants, and whether there are none. */
interface Place {
  epoch: string | null;
  after: number;
  history?: number;
  fresh?: number;
}

type LinkState =
  | { name: "connecting" }
  | { name: "reconnecting"; attempt: number }
  | { name: "waiting"; attempt: number; seconds: number; why: string }
  | { name: "replaying" }
  | { name: "ready" }
  | { name: "locked" }
  | { name: "refused"; why: string; over: boolean };

interface SessionRow extends SummaryFacts {
  session_id: string;
  title: string;
  status: SessionStatus;
  start_time: string;
  end_time?: string | null;
  updated_at: string;
  message_count: number;
  sentiment?: string | null;
  key_outcomes: string[];
  topics: string[];
  user_rating?: number | null;
  metrics?: SessionMetrics | null;
}

interface SessionMetrics {
  total_messages: number;
  user_messages: number;
  ai_messages: number;
  user_words: number;
  assistant_words: number;
  duration_seconds: number;
  intents: Record<string, number>;
  tools: Record<string, number>;
  prompt_tokens: number;
  completion_tokens: number;
}

interface StoredMessage {
  id: number;
  session_id: string;
  role: Role;
  text: string;
  at: string;
  client_id?: string | null;
  meta?: MessageMeta;
}

interface MessagePage {
  messages: StoredMessage[];
  before: number | null;
  after: number | null;
  html?: (string | null)[] | null;
}

interface SearchHit {
  message: StoredMessage;
  session_title: string;
  found_in?: "message" | "title" | "summary" | null;
}

/** What came with the document: frames of the newest messages, and the page around the wanted one. */
interface Preload {
  frames: ServerFrame[];
  around?: MessagePage | null;
}

/** A message to bring into view, and the words in it that were looked for. */
interface Wanted {
  id: number;
  words: string;
}

/** What a person can do with the conversation on the screen. */
interface Actions {
  again(other?: { intent?: string; model?: string }): void;
  approve(run: string, call: string, decision: Decision): void;
  modes(): Mode[];
  edit(entry: { messageId: number | null; text: string } | null): void;
  older(): Promise<void>;
  newer(): Promise<void>;
  newest(): void;
  /** Another answer to the same message is shown. */
  turned(): void;
  rate(rating: number): void;
  resend(id: string): void;
  discard(id: string): void;
  takeBack(id: string): void;
}

type Child = Node | string | null | undefined;

interface MemoryNote {
  number: number;
  text: string;
  message_id?: number | null;
  said?: string | null;
}

interface SessionMemory {
  on: boolean;
  notes: MemoryNote[];
}

interface MemoryChange {
  forget?: number;
  on?: boolean;
}

/** A command that begins with a slash; `pattern` is what is taken as its argument. */
interface SlashCommand {
  slash: string;
  help: string;
  argument: string;
  pattern: string;
  asks: string;
}

type SlashLine =
  | { kind: "message" }
  | { kind: "run" | "ask"; command: SlashCommand; argument: string }
  | { kind: "wrong"; command?: SlashCommand; wrong: string };

/** A prepared message of an MCP server. */
interface ListedPrompt {
  name: string;
  description: string;
  arguments?: { name: string; required?: boolean }[];
}
