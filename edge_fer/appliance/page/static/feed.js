// The connection to the device: it is kept open, and opened again for as long as it takes.

const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 5000;
/** The device sends its status every second: without one for so long, the connection is dead. */
const SILENT_MS = 6000;
const TOO_MANY = 1013;

/**
 * Calls heard.status(message), heard.moment(message, picture) and heard.open(), heard.closed(reason).
 * The next moment comes once heard.moment's promise is settled: whoever is slow misses some, and nothing piles up.
 */
export class Feed {
  constructor(version, heard) {
    this.version = version;
    this.heard = heard;
    this.pictures = false;
    this.wait = FIRST_WAIT_MS;
    this.heardAt = performance.now();
    this.awaited = null;
    setInterval(() => this.check(), 1000);
    addEventListener("online", () => this.now());
    this.connect();
  }

  /** Ask for pictures, or for numbers only. */
  want(pictures) {
    if (this.pictures !== pictures) {
      this.pictures = pictures;
      this.ready();
    }
  }

  connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/ws`);
    socket.binaryType = "blob";
    this.socket = socket;
    this.heardAt = performance.now();
    socket.onmessage = (event) => this.receive(socket, event.data);
    socket.onclose = (event) => this.lost(socket, event.code);
  }

  receive(socket, data) {
    if (socket !== this.socket) {
      return;
    }
    this.heardAt = performance.now();
    if (typeof data !== "string") {
      const moment = this.awaited;
      this.awaited = null;
      if (moment) {
        this.show(moment, data);
      }
      return;
    }
    const message = JSON.parse(data);
    if (message.type === "hello") {
      this.greet(message);
    } else if (message.type === "status") {
      this.heard.status(message);
    } else if (message.type === "moment" && message.picture) {
      this.awaited = message;
    } else if (message.type === "moment") {
      this.show(message, null);
    }
  }

  greet(message) {
    if (message.version !== this.version) {
      location.reload(); // the device has another page by now
      return;
    }
    this.wait = FIRST_WAIT_MS;
    this.heard.open();
    this.ready();
  }

  async show(moment, picture) {
    const socket = this.socket;
    try {
      await this.heard.moment(moment, picture);
    } finally {
      if (socket === this.socket) {
        this.ready();
      }
    }
  }

  ready() {
    if (this.socket.readyState === WebSocket.OPEN) {
      this.socket.send(`{"pictures":${this.pictures}}`);
    }
  }

  check() {
    const silent = performance.now() - this.heardAt > SILENT_MS;
    if (silent && this.socket.readyState !== WebSocket.CLOSED) {
      const socket = this.socket;
      socket.onclose = null;
      socket.close();
      this.lost(socket, 0);
    }
  }

  lost(socket, code) {
    if (socket !== this.socket || this.timer) {
      return;
    }
    this.awaited = null;
    this.heard.closed(code === TOO_MANY ? "too_many" : "no_connection");
    this.timer = setTimeout(() => this.now(), this.wait * (0.75 + Math.random() / 2));
    this.wait = Math.min(this.wait * 1.7, LONGEST_WAIT_MS);
  }

  async now() {
    if (!this.timer) {
      return;
    }
    clearTimeout(this.timer);
    this.timer = null;
    // A page whose session has ended is refused like one whose device is away; only this tells them apart.
    const status = await fetch("/api/status", { cache: "no-store" }).then((answer) => answer.status, () => 0);
    if (status === 401) {
      location.reload();
    }
    this.connect();
  }
}
