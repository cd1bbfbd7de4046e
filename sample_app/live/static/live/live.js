// Follows one feed of numbered entries over the best transport that answers:
// WebSocket, else server-sent events, else long-polling.
// Every transport starts after the last number seen, so a change of transport or server loses
// nothing and shows nothing twice.
"use strict";

// Tests wait for these instead of sleeping.
window.wsConnected = false;
window.liveTransport = "none";
window.entriesSeen = [];

const TRANSPORTS = ["websocket", "sse", "polling"];
const TRIES = 2; // failures in a row before the next transport gets its turn
const BETTER_AFTER = 60_000; // ms on a lesser transport before the WebSocket is tried again
const PING_EVERY = 25_000; // ms; some servers send no pings, and a proxy may cut idle connections

const live = document.getElementById("live");
if (live) start(live.dataset.feed, Number(live.dataset.seq));

function start(feed, seq) {
  let choice = 0;
  let failures = 0;

  const openers = { websocket, sse, polling };
  open();

  function open() {
    const name = TRANSPORTS[choice];
    let over = false;
    let demote;
    // Each transport calls `up` when it works and `down` once when it ends.
    const up = () => {
      failures = 0;
      show(name, true);
      if (choice > 0 && !demote) demote = setTimeout(() => retry(0), BETTER_AFTER);
    };
    const down = () => {
      if (over) return; // the end of a transport that was left on purpose is no failure
      failures += 1;
      retry(failures >= TRIES ? Math.min(choice + 1, TRANSPORTS.length - 1) : choice);
    };
    const retry = (next) => {
      if (over) return;
      over = true;
      clearTimeout(demote);
      stop();
      show(name, false);
      if (next !== choice) failures = 0;
      choice = next;
      setTimeout(open, backOff(failures));
    };
    const stop = openers[name](up, down);
  }

  function websocket(up, down) {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/ws/${feed}/?since=${seq}`);
    const ping = setInterval(() => socket.readyState === 1 && socket.send('{"ping": 1}'), PING_EVERY);
    socket.onopen = up;
    socket.onmessage = (event) => take(JSON.parse(event.data));
    socket.onclose = down;
    return () => {
      clearInterval(ping);
      socket.close();
    };
  }

  function sse(up, down) {
    const source = new EventSource(`/events/${feed}/?since=${seq}`);
    source.onopen = up;
    source.onmessage = (event) => take(JSON.parse(event.data));
    // Also after a stream's planned end: reconnecting here keeps one back-off for all transports.
    source.onerror = down;
    return () => source.close();
  }

  function polling(up, down) {
    const stopped = new AbortController();
    (async () => {
      while (!stopped.signal.aborted) {
        const answer = await fetch(`/poll/${feed}/?since=${seq}`, { signal: stopped.signal });
        if (!answer.ok) throw new Error(`polling answered ${answer.status}`);
        up();
        for (const entry of (await answer.json()).entries) take(entry);
      }
    })().catch(down);
    return () => stopped.abort();
  }

  function take(entry) {
    if (!(entry.seq > seq)) return; // pongs have no number; a repeated entry is dropped
    seq = entry.seq;
    window.entriesSeen.push(seq);
    draw(entry);
  }
}

// Jittered, so that the clients of a restarted server do not all come back at once.
function backOff(failures) {
  const limit = Math.min(15_000, 500 * 2 ** failures);
  return limit / 2 + (Math.random() * limit) / 2;
}

function show(name, connected) {
  window.wsConnected = connected && name === "websocket";
  window.liveTransport = connected ? name : "none";
  document.getElementById("transport").textContent = connected ? name : `${name}, reconnecting`;
  live.classList.toggle("connected", connected);
}

function draw(entry) {
  const balance = document.getElementById("balance");
  if (balance) balance.textContent = entry.balance;
  const item = document.createElement("li");
  const text = balance ? `+${entry.amount} = ${entry.balance}` : entry.message;
  item.textContent = entry.name ? `${entry.name}: ${text}` : text;
  document.getElementById("entries").append(item);
}

// Forms are sent in the background; without JavaScript they are ordinary forms.
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const answer = await fetch(form.action, { method: "POST", body: new FormData(form) });
    if (answer.ok) form.reset();
    else alert(`Not sent: ${answer.status}`);
  });
}
