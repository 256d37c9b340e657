// Work on the document in steps: what a moment has no time for goes on after the next picture, so that
// no text, however long, holds up a person's keys.

const SLICE = 16; // ms of a picture's time that are worked

/** @typedef {Generator<undefined, void>} Steps */

/** @type {Steps[]} */
const jobs = []; // the newest is done first: it is what is seen first
let due = false;
let until = 0;

/**
 * Do what there is time for now, and the rest later.
 *
 * @param {Steps} job
 */
export function inSteps(job) {
  jobs.push(job);
  if (!due) begin();
  work();
}

function begin() {
  due = true;
  until = performance.now() + SLICE;
  const next = () => {
    due = false;
    if (!jobs.length) return;
    begin();
    work();
  };
  if (document.hidden) setTimeout(next);
  else requestAnimationFrame(next);
}

function work() {
  for (let job; performance.now() < until && (job = jobs.at(-1));) {
    if (job.next().done) jobs.splice(jobs.indexOf(job), 1);
  }
}

/** Paper has no next picture, so what is printed is finished before. */
addEventListener("beforeprint", () => {
  for (let job; (job = jobs.pop());) atOnce(job);
});

/**
 * Do all of it at once.
 *
 * @param {Steps} job
 */
export function atOnce(job) {
  while (!job.next().done);
}

/**
 * Put nodes in the place of those that are there, keeping every node that is the same, so that what
 * a person selected or focused in it stays so.
 *
 * @param {Node} place
 * @param {Iterable<Node | string>} fresh
 * @param {ChildNode | null} [first] of the nodes to replace; all of them otherwise
 * @param {ChildNode | null} [behind] what stays behind them
 * @returns {Steps}
 */
export function* morph(place, fresh, first = place.firstChild, behind = null) {
  let old = first;
  for (const one of fresh) {
    yield;
    const next = typeof one === "string" ? document.createTextNode(one) : one;
    if (!old || old === behind) {
      place.insertBefore(next, behind);
      continue;
    }
    /** @type {ChildNode | null} */
    const following = old.nextSibling;
    if (old instanceof Text && next instanceof Text) {
      const added = next.data.slice(old.length);
      if (next.data !== old.data) {
        if (added && next.data.startsWith(old.data)) old.appendData(added);
        else old.data = next.data;
      }
    } else if (old instanceof HTMLButtonElement && next instanceof HTMLButtonElement) {
      // It is ours, and may say that it was just used.
    } else if (!(old instanceof Element && next instanceof Element)) place.replaceChild(next, old);
    else if (old.isEqualNode(next)) {
      // All of it stays.
    } else if (alike(old, next)) yield* morph(old, [...next.childNodes]);
    else place.replaceChild(next, old);
    old = following;
  }
  while (old && old !== behind) {
    const following = old.nextSibling;
    old.remove();
    old = following;
    yield;
  }
}

/** Make the attributes the same; false where it is another kind of element. */
function alike(/** @type {Element} */ old, /** @type {Element} */ next) {
  if (old.nodeName !== next.nodeName || old instanceof SVGElement) return false;
  for (const name of old.getAttributeNames()) {
    if (!next.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of next.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  return true;
}
