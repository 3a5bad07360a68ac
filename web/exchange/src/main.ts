// Starts the page.
import { mount } from "svelte";
import "./app.css";
import App from "./App.svelte";

const target = document.getElementById("app");
if (!target) throw new Error("expected an element #app in the document");
mount(App, { target });
