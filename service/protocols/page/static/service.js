// Calls of the public API. Whatever the page shows, anybody can ask for.

/** @typedef {{method: string, path: string, json?: any, form?: [string, string | File][], file?: Blob}} Call */

const KEY = "lutrin-key";

/** An error in the service's own words. */
export class ServiceError extends Error {
  /**
   * @param {string} message
   * @param {number} status HTTP status; 0 where no answer came
   * @param {string} requestId
   */
  constructor(message, status, requestId) {
    super(message);
    this.status = status;
    this.requestId = requestId;
  }
}

export const key = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  /** @param {string} value */
  set: (value) => (value ? sessionStorage.setItem(KEY, value) : sessionStorage.removeItem(KEY)),
};

/** @param {string} path relative to the page @returns {string} */
export const address = (path) => new URL(path, document.baseURI).href;

/**
 * @param {Call} call
 * @param {AbortSignal} [signal]
 * @returns {Promise<{body: any, ms: number, headers: Headers}>}
 */
export async function send(call, signal) {
  const headers = new Headers();
  if (key.get()) headers.set("authorization", `Bearer ${key.get()}`);
  const started = performance.now();
  let response;
  try {
    response = await fetch(address(call.path), {
      method: call.method, headers: typed(headers, call), body: body(call), signal,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ServiceError("The service does not answer. What you entered is still here; try again.", 0, "");
  }
  const text = await response.text();
  const ms = performance.now() - started;
  const reply = parsed(text);
  if (!response.ok) {
    const said = reply?.error?.message ?? reply?.error ?? (text.slice(0, 300) || response.statusText);
    throw new ServiceError(String(said), response.status, response.headers.get("x-request-id") ?? "");
  }
  return { body: reply, ms, headers: response.headers };
}

/** @param {Headers} headers @param {Call} call */
function typed(headers, call) {
  if (call.json !== undefined) headers.set("content-type", "application/json");
  if (call.file) headers.set("content-type", call.file.type || "application/octet-stream");
  return headers;
}

/** @param {Call} call */
function body(call) {
  if (call.json !== undefined) return JSON.stringify(call.json);
  if (!call.form) return call.file;
  const form = new FormData();
  for (const [name, value] of call.form) form.append(name, value);
  return form;
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** @param {string} path */
export const get = (path) => send({ method: "GET", path });

/** @param {string} path @param {any} json @param {AbortSignal} [signal] */
export const post = (path, json, signal) => send({ method: "POST", path, json }, signal);

/** @param {Blob} blob @returns {Promise<string>} the file in base64 */
export async function base64(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 32768) {
    text += String.fromCharCode(...bytes.subarray(at, at + 32768));
  }
  return btoa(text);
}

/**
 * Runs the newest of many requests: one in flight, the one asked for last next.
 * @template T
 * @param {(value: T) => Promise<void>} work
 * @returns {(value: T) => void}
 */
export function latest(work) {
  let busy = false;
  /** @type {{value: T} | null} */
  let waiting = null;
  return async function ask(value) {
    if (busy) {
      waiting = { value };
      return;
    }
    busy = true;
    try {
      await work(value);
    } finally {
      busy = false;
      const next = waiting;
      waiting = null;
      if (next) ask(next.value);
    }
  };
}
