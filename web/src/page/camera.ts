/** The demonstration of the paper: a camera, what is left of it in gray, and the colors made of that. */
import type { Settings } from "../messages";
import type { WorkerClient } from "../worker/client";
import { draw, element } from "./elements";
import { texts } from "./texts";

const SIZE = { width: 640, height: 480 };
const MEASURED = 30; // frames that the numbers are about
const CURVE = 160; // frames of the curve, each a unit of its picture
const CURVE_TOP = 40; // the least distance that the curve shows at its top
const CURVE_HEIGHT = 120; // of its picture

interface Measured {
  /** When the frame was shown, and how long after it was taken, in milliseconds. */
  readonly shownAt: number;
  readonly latency: number;
  readonly distance: number;
}

export class Camera {
  private readonly startButton = element("camera-start", HTMLButtonElement);
  private readonly stopButton = element("camera-stop", HTMLButtonElement);
  private readonly views = element("camera-views", HTMLElement);
  private readonly numbers = element("camera-numbers", HTMLElement);
  private readonly video = element("camera-video", HTMLVideoElement);
  private readonly gray = element("camera-gray", HTMLCanvasElement);
  private readonly colored = element("camera-colored", HTMLCanvasElement);
  private readonly curve = document.querySelector("#camera-curve polyline")!;
  private measured: Measured[] = [];
  private stream: MediaStream | undefined;
  /** Grows with every start and stop: a camera that comes later than the user's next wish is switched off. */
  private attempt = 0;
  /** When the frame was shown that has not been taken yet. */
  private newest: number | undefined;
  private onNewest: (() => void) | undefined;

  /** @param onProblem Takes the reason why there is no picture. */
  constructor(
    private readonly client: WorkerClient,
    private readonly settings: Settings,
    private readonly onProblem: (text: string) => void,
  ) {
    this.startButton.addEventListener("click", () => void this.start());
    this.stopButton.addEventListener("click", () => this.stop());
  }

  stop(): void {
    this.attempt++;
    if (this.stream !== undefined) switchOff(this.stream);
    this.stream = undefined;
    this.newest = undefined;
    this.onNewest?.();
    this.showButtons(false);
  }

  private async start(): Promise<void> {
    const attempt = ++this.attempt;
    this.onProblem("");
    this.showButtons(true);
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: SIZE });
      if (attempt !== this.attempt) return switchOff(stream);
      this.stream = stream;
      stream.getVideoTracks()[0]!.addEventListener("ended", () => this.fail(texts.noCamera, "the camera has gone"));
      this.video.srcObject = stream;
      await this.video.play();
    } catch (error) {
      if (attempt === this.attempt) this.fail(texts.noCamera, error);
    }
    if (attempt !== this.attempt) return;
    this.views.hidden = false;
    this.numbers.hidden = false;
    this.measured = [];
    await this.showFrames(this.stream!).catch((error: unknown) => {
      if (attempt === this.attempt) this.fail(texts.failed(texts.camera), error);
    });
  }

  private fail(reason: string, error: unknown): void {
    console.warn(error);
    this.stop();
    this.onProblem(reason);
  }

  private showButtons(isOn: boolean): void {
    const [shown, other] = isOn ? [this.stopButton, this.startButton] : [this.startButton, this.stopButton];
    const hadFocus = document.activeElement === other;
    [shown.hidden, other.hidden] = [false, true];
    if (hadFocus) shown.focus();
  }

  private async showFrames(stream: MediaStream): Promise<void> {
    this.watch(stream);
    while (this.stream === stream) {
      // No frame is taken twice, and none has to be waited for that is there already.
      if (this.newest === undefined) await new Promise<void>((resolve) => (this.onNewest = resolve));
      if (this.stream !== stream || this.newest === undefined) return;
      const takenAt = this.newest;
      this.newest = undefined;
      const taken = await createImageBitmap(this.video);
      const { gray, after, distance } = await this.client.ask({ kind: "frame", frame: taken, settings: this.settings });
      draw(this.gray, gray);
      draw(this.colored, after);
      const shownAt = performance.now();
      this.measured = [...this.measured, { shownAt, latency: shownAt - takenAt, distance }].slice(-CURVE);
      this.showNumbers();
    }
  }

  private watch(stream: MediaStream): void {
    this.video.requestVideoFrameCallback((now) => {
      this.newest = now;
      this.onNewest?.();
      if (this.stream === stream) this.watch(stream);
    });
  }

  private showNumbers(): void {
    const last = this.measured.slice(-MEASURED);
    const [first, newest] = [last[0]!, last.at(-1)!];
    const seconds = (newest.shownAt - first.shownAt) / 1000;
    const latencies = last.map(({ latency }) => latency).sort((one, other) => one - other);
    element("camera-rate", HTMLElement).textContent = seconds > 0 ? texts.oneDecimal((last.length - 1) / seconds) : "";
    element("camera-latency", HTMLElement).textContent = texts.milliseconds(latencies[latencies.length >> 1]!);
    element("camera-distance", HTMLElement).textContent = texts.oneDecimal(newest.distance);
    const top = Math.max(CURVE_TOP, ...this.measured.map(({ distance }) => distance));
    const points = this.measured.map(({ distance }, frame) => `${frame},${CURVE_HEIGHT * (1 - distance / top)}`);
    this.curve.setAttribute("points", points.join(" "));
  }
}

function switchOff(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}
