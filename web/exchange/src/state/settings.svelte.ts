// What a reader chose for this browser: colours, single-key shortcuts. Kept where the browser keeps anything.

export type Theme = "system" | "light" | "dark";

function stored(name: string): string | null {
  try {
    return localStorage.getItem(`proofbook.${name}`);
  } catch {
    return null;
  }
}

function store(name: string, value: string): void {
  try {
    localStorage.setItem(`proofbook.${name}`, value);
  } catch {
    // It lasts as long as the page, then.
  }
}

class Settings {
  theme = $state<Theme>("system");
  /** Whether single keys do something outside of fields; some assistive software sends keys of its own. */
  hasShortcuts = $state(true);
  /** Changes whenever colours do, for what paints on a canvas. */
  paint = $state(0);

  constructor() {
    const theme = stored("theme");
    if (theme === "light" || theme === "dark") this.theme = theme;
    this.hasShortcuts = stored("shortcuts") !== "off";
    this.#show();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.paint++);
  }

  get isDark(): boolean {
    return this.theme === "system" ? matchMedia("(prefers-color-scheme: dark)").matches : this.theme === "dark";
  }

  /** Light for dark and the other way round; once it is what the system has, the system is followed again. */
  switchTheme(): void {
    const next = this.isDark ? "light" : "dark";
    const isSystem = matchMedia("(prefers-color-scheme: dark)").matches === (next === "dark");
    this.theme = isSystem ? "system" : next;
    store("theme", this.theme);
    this.#show();
    this.paint++;
  }

  setShortcuts(isOn: boolean): void {
    this.hasShortcuts = isOn;
    store("shortcuts", isOn ? "on" : "off");
  }

  #show(): void {
    const root = document.documentElement;
    if (this.theme === "system") delete root.dataset["theme"];
    else root.dataset["theme"] = this.theme;
  }
}

export const settings = new Settings();

/** A colour of the page as it is now, for what paints on a canvas. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
