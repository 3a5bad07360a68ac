// How the page is built: relative addresses, so that it works under any path; nothing inlined, so that its policy can forbid that.
//
// `make page` names the folder to write to; `npm run dev` passes the interface on to an exchange that runs (PROOFBOOK_EXCHANGE).
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

/** What the verifier's module takes in Node alone. */
const rollupOptions = { external: ["node:fs/promises"] };
const exchange = process.env["PROOFBOOK_EXCHANGE"] ?? "http://127.0.0.1:8000";

export default defineConfig({
  base: "./",
  plugins: [svelte()],
  build: {
    outDir: process.env["PAGE_OUT"] ?? "dist",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
    chunkSizeWarningLimit: 400,
    rollupOptions,
  },
  worker: { format: "es", rollupOptions },
  server: {
    host: "127.0.0.1",
    proxy: { "/api": { target: exchange, ws: true } },
    fs: { allow: [".", "../verifier"] },
  },
  test: { include: ["tests/**/*.test.ts"] },
});
