// How svelte compiles: runes everywhere, styles in files of their own, since the page's policy forbids styles in the document.
import { vitePreprocess } from "@sveltejs/vite-plugin-svelte";

export default {
  preprocess: vitePreprocess({ style: false }),
  compilerOptions: { runes: true, css: "external" },
};
