/** The sliders and switches of the settings. */
import { models } from "../constants.json";
import type { ModelName, Settings } from "../messages";
import { element } from "./elements";

const SLIDERS = ["vividness", "caution", "saturation"] as const;

export const DEFAULT_SETTINGS: Settings = { model: "nano", vividness: models.nano.defaultVividness, caution: 0, saturation: 1 };

export class Controls {
  private readonly form = element("controls", HTMLFormElement);
  private readonly sliders = SLIDERS.map((name) => [name, element(name, HTMLInputElement)] as const);
  private model: ModelName = DEFAULT_SETTINGS.model;

  /**
   * @param onMove Called while a slider moves.
   * @param onChange Called when it rests, and when a switch is changed.
   */
  constructor(onMove: () => void, onChange: () => void) {
    for (const [, slider] of this.sliders) {
      slider.addEventListener("input", onMove);
      slider.addEventListener("change", onChange);
    }
    for (const radio of this.radios) {
      radio.addEventListener("change", () => {
        this.followModel();
        onChange();
      });
    }
    this.form.addEventListener("submit", (event) => event.preventDefault());
  }

  get settings(): Settings {
    const values = Object.fromEntries(this.sliders.map(([name, slider]) => [name, slider.valueAsNumber]));
    const model = this.radios.find((radio) => radio.checked)!.value as ModelName;
    return { model, ...(values as Omit<Settings, "model">) };
  }

  set settings(settings: Settings) {
    for (const [name, slider] of this.sliders) slider.value = String(settings[name]);
    for (const radio of this.radios) radio.checked = radio.value === settings.model;
    this.model = settings.model;
  }

  /** A vividness that nobody has changed is that of the network, which each has of its own. */
  private followModel(): void {
    const { settings } = this;
    const isOwn = settings.vividness === models[this.model].defaultVividness;
    this.settings = isOwn ? { ...settings, vividness: models[settings.model].defaultVividness } : settings;
  }

  private get radios(): HTMLInputElement[] {
    return [...this.form.querySelectorAll<HTMLInputElement>("[name=model]")];
  }
}
