/// <reference path="../types.d.ts" />
export class Link {
  /**
   * @param {object} doors
   * @param {string} doors.ref
   * @param {() => Place} doors.place where to go on
   * @param {(frame: ServerFrame) => void} doors.frame called with each frame
   * @param {(state: LinkState) => void} doors.state called with each state
   */
  constructor({
    ref,
    place,
    frame,
    state,
  }: {
    ref: string;
    place: () => Place;
    frame: (frame: ServerFrame) => void;
    state: (state: LinkState) => void;
  });
  ref: string;
  place: () => Place;
  frame: (frame: ServerFrame) => void;
  state: (state: LinkState) => void;
  wake: () => void;
  named: () => void;
  locked: () => void;
  silent: () => void;
  get ready(): boolean;
  /**
   * Send a frame; false when not connected.
   *
   * @param {ClientFrame} frame
   */
  send(frame: ClientFrame): boolean;
  /** Try at once instead of waiting. */
  now(): void;
  /**
   * Drop the connection and come back, since what it brought cannot be right or nothing comes.
   *
   * @param {string} [why] in words
   */
  again(why?: string): void;
  close(): void;
  #private;
}
