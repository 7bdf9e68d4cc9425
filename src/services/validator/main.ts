import { runService } from "../service.ts";
import { service } from "./service.ts";

Deno.exit(await runService(service));
