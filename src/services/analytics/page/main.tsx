/** The page's beginning: everything it shows comes from one stream of whole pictures. */
import { render } from "preact";
import "uplot/dist/uPlot.min.css";
import "./page.css";
import { App } from "./app.tsx";

render(<App />, document.getElementById("app")!);
