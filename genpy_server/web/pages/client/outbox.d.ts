/// <reference path="../types.d.ts" />
export class Outbox {
  /**
   * @param {string} ref
   * @param {object} doors
   * @param {(frame: ClientFrame) => boolean} doors.send whether a connection took it
   * @param {() => void} doors.stuck called when no answer comes
   * @param {() => void} doors.changed
   */
  constructor(
    ref: string,
    {
      send,
      stuck,
      changed,
    }: {
      send: (frame: ClientFrame) => boolean;
      stuck: () => void;
      changed: () => void;
    },
  );
  send: (frame: ClientFrame) => boolean;
  stuck: () => void;
  changed: () => void;
  /** @type {Waiting[]} */
  waiting: Waiting[];
  /** Whether there is something that no connection took yet, or that must go out again. */
  get behind(): boolean;
  /**
   * Add a message; `replaces` is the number of the message that it stands for, `intent` the kind of
   * help that was chosen for it.
   *
   * @param {string} text
   * @param {number} [replaces]
   * @param {string} [intent]
   */
  add(text: string, replaces?: number, intent?: string): void;
  /** Send from the first one that is not committed: on a new connection, or after a wait. */
  resume(): void;
  flush(): void;
  /**
   * The server refused it, for now or for good; false when it is not one of ours.
   *
   * @param {string} id
   * @param {ErrorFrame} error
   */
  refused(id: string, { message: why, code, retryable, retry_after: seconds }: ErrorFrame): boolean;
  /** @param {string} id */
  again(id: string): void;
  /**
   * The server has it, or it is not wanted any more.
   *
   * @param {string} id
   */
  remove(id: string): void;
  close(): void;
  #private;
}
