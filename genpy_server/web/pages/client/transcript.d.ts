/// <reference path="../types.d.ts" />
export class Gap extends Error {}
export function characters(text: string): number;
export class Entry {
  /**
   * @param {Role} role
   * @param {string} [text]
   */
  constructor(role: Role, text?: string);
  /** @type {number | null} */
  messageId: number | null;
  /** @type {string | null} */
  clientId: string | null;
  /** @type {string | null} */
  run: string | null;
  /** @type {number | null} */
  replyTo: number | null;
  /** @type {number | null} */
  replaces: number | null;
  replaced: boolean;
  at: string;
  /** @type {string | null} */
  intent: string | null;
  /** @type {number | null} */
  score: number | null;
  reason: string;
  model: string;
  /** @type {RunStatus | "streaming"} */
  status: RunStatus | "streaming";
  /** @type {ToolLine[]} */
  tools: ToolLine[];
  error: string;
  /** @type {number | null} */
  ms: number | null;
  /** @type {number | null} */
  firstTokenMs: number | null;
  /** @type {Usage} */
  usage: Usage;
  /** @type {Entry[]} */
  earlier: Entry[];
  reasoning: string;
  reasoningLength: number;
  /** @type {HtmlBlock[]} */
  blocks: HtmlBlock[];
  /** @type {string | null} */
  html: string | null;
  role: Role;
  text: string;
  length: number;
  /** @param {MessageFrame} frame */
  fill({ message_id: messageId, client_id: clientId, at, meta }: MessageFrame): void;
}
export class Transcript {
  /** @type {Entry[]} */
  entries: Entry[];
  session: string;
  /** @type {string | null} */
  epoch: string | null;
  seq: number;
  title: string;
  /** @type {SessionStatus} */
  status: SessionStatus;
  /** @type {number | null} */
  rating: number | null;
  /** Whether another server hosts the session too. */
  elsewhere: boolean;
  model: string;
  store: string;
  /** @type {number | null} */
  before: number | null;
  /** @type {number | null} */
  after: number | null;
  /** @type {SummaryFacts | null} */
  summary: SummaryFacts | null;
  /** @type {Record<string, number>} */
  quota: Record<string, number>;
  /** @type {Mode[]} */
  modes: Mode[];
  /** @type {SessionSettings} */
  settings: SessionSettings;
  get running(): Entry | null;
  /**
   * Take in one frame; returns the entry it changed. Throws `Gap`.
   *
   * @param {ServerFrame} frame
   * @returns {Entry | null}
   */
  apply(frame: ServerFrame): Entry | null;
  /**
   * Put a page of stored messages before those that are known, or behind them.
   *
   * @param {MessagePage} page
   * @param {"before" | "after"} side
   */
  add({ messages, html, before, after }: MessagePage, side: "before" | "after"): void;
  /**
   * Leave all but so many messages, those at the beginning or at the end; they can be asked for again.
   *
   * @param {number} most
   * @param {"before" | "after"} side that is left
   */
  leave(most: number, side: "before" | "after"): void;
  /**
   * Put what a window further back holds before what is known here, which it reaches.
   *
   * @param {Transcript} window
   */
  join(window: Transcript): void;
  #private;
}
