// Follows one feed of numbered entries over the best transport that answers:
// WebSocket, else server-sent events, else long-polling.
// Every transport starts after the last number seen, so a change of transport, server or release
// loses nothing and shows nothing twice.
"use strict";

// Tests wait for these instead of sleeping.
window.wsConnected = false;
window.liveTransport = "none";
window.entriesSeen = [];

const SPREAD = 3_000; // ms over which the clients of a server that went away come back
const LONGEST = 30_000; // ms; the spread doubles up to here while nothing answers
const STEADY = 10_000; // ms after which a connection counts as a success
const BETTER_AFTER = 60_000; // ms on a lesser transport before the WebSocket is tried again
const PING_EVERY = 25_000; // ms; some servers send no pings, and a proxy may cut idle connections
const PATIENCE = { websocket: 5_000, sse: 5_000, polling: 40_000 }; // ms for the first sign of life

const live = document.getElementById("live");
if (live) start(live.dataset.feed, Number(live.dataset.seq));

function start(feed, seq) {
  const openers = [websocket, sse, polling];
  let failures = 0; // in a row
  open(0);

  function open(choice) {
    const { name } = openers[choice];
    let upSince = 0;
    let over = false;
    let better;
    // Each transport calls `up` when it works and `down` when it ends, for whatever reason.
    const up = () => {
      if (over || upSince) return;
      upSince = performance.now();
      clearTimeout(patience);
      show(name, true);
      if (choice > 0) better = setTimeout(lookForBetter, jitter(BETTER_AFTER));
    };
    const down = () => {
      if (!leave()) return;
      // It never worked: a browser does not tell a 501 from any other refusal, so the next one gets its turn at once.
      if (!upSince && choice + 1 < openers.length) return open(choice + 1);
      failures = upSince && performance.now() - upSince > STEADY ? 0 : failures + 1;
      // From the top, for the site may have changed. Also the first time not at once: a whole crowd may have been cut off.
      setTimeout(() => open(0), Math.random() * Math.min(LONGEST, SPREAD * 2 ** Math.max(0, failures - 1)));
    };
    const leave = () => {
      if (over) return false;
      over = true;
      clearTimeout(patience);
      clearTimeout(better);
      stop();
      show(name, false);
      return true;
    };
    // The lesser transport goes on until a WebSocket is really there.
    const lookForBetter = () => {
      const socket = new WebSocket(address());
      socket.onopen = () => {
        socket.close();
        if (leave()) open(0);
      };
      socket.onclose = () => {
        if (!over) better = setTimeout(lookForBetter, jitter(BETTER_AFTER));
      };
    };
    const patience = setTimeout(down, PATIENCE[name]);
    const stop = openers[choice](up, down);
  }

  function address() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    return `${scheme}://${location.host}/ws/${feed}/?since=${seq}`;
  }

  function websocket(up, down) {
    const socket = new WebSocket(address());
    let heard = true;
    const ping = setInterval(() => {
      if (!heard) return down(); // asleep, or cut off without a word
      heard = false;
      if (socket.readyState === WebSocket.OPEN) socket.send('{"ping": 1}');
    }, PING_EVERY);
    socket.onopen = up;
    socket.onmessage = (event) => {
      heard = true;
      take(JSON.parse(event.data));
    };
    socket.onclose = down; // 1012 and 4012: the release leaves; 1006: nobody said why. All mean: come back.
    return () => {
      clearInterval(ping);
      socket.close();
    };
  }

  function sse(up, down) {
    const source = new EventSource(`/events/${feed}/?since=${seq}`);
    source.onopen = up;
    source.onmessage = (event) => take(JSON.parse(event.data));
    // Also after a stream's planned end: coming back here keeps one back-off for all transports.
    source.onerror = down;
    return () => source.close();
  }

  function polling(up, down) {
    const stopped = new AbortController();
    (async () => {
      while (!stopped.signal.aborted) {
        const signal = AbortSignal.any([stopped.signal, AbortSignal.timeout(PATIENCE.polling)]);
        const answer = await fetch(`/poll/${feed}/?since=${seq}`, { signal });
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

// Half to one and a half times as long, so that clients do not move in step.
function jitter(time) {
  return time * (0.5 + Math.random());
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
