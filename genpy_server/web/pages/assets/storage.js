// What a browser keeps for the pages: for this tab, and on this device. Where it keeps nothing, because
// its storage is full or blocked, the page remembers until it is reloaded.

class Storage {
  /** @type {Map<string, string>} */
  #here = new Map();

  /** @param {"localStorage" | "sessionStorage"} name */
  constructor(name) {
    this.name = name;
  }

  /** @param {string} key */
  get(key) {
    return this.#here.get(key) ?? this.#try((storage) => storage.getItem(key)) ?? null;
  }

  /**
   * @param {string} key
   * @param {string} value
   */
  set(key, value) {
    this.#here.set(key, value);
    this.#try((storage) => {
      storage.removeItem(key); // nothing old stays where there is no room
      storage.setItem(key, value);
      this.#here.delete(key);
    });
  }

  /** @param {string} key */
  remove(key) {
    this.#here.delete(key);
    this.#try((storage) => storage.removeItem(key));
  }

  /**
   * @template T
   * @param {(storage: globalThis.Storage) => T} work
   */
  #try(work) {
    try {
      return work(globalThis[this.name]);
    } catch (error) {
      if (error instanceof DOMException) return undefined;
      throw error;
    }
  }
}

export const tab = new Storage("sessionStorage");
export const device = new Storage("localStorage");
