/** The services of the topology, and their settings, for tests that range over all of them. */
import type { Settings } from "../runtime/setting.ts";
import { processorSettings } from "../services/settings.ts";
import { CONSUMERS, type Processor, PROCESSORS, type Service } from "../topology.ts";

export const SERVICES: readonly Service[] = ["simulator", ...CONSUMERS];

export function isProcessor(service: Service): service is Processor {
  return (PROCESSORS as readonly Service[]).includes(service);
}

/** Of a service whose folder defines none: those of every processor. */
export async function settingsOf(service: Service): Promise<Settings> {
  const folder = new URL(`../services/${service}/`, import.meta.url);
  for (const file of ["service.ts", "settings.ts"]) {
    const url = new URL(file, folder);
    if (!await isFile(url)) continue;
    const module = await import(url.href);
    return module.service?.settings ?? module.settings;
  }
  return processorSettings;
}

function isFile(url: URL): Promise<boolean> {
  return Deno.stat(url).then((info) => info.isFile, () => false);
}
