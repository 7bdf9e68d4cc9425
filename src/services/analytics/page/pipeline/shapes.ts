/** What the diagram is made of: boxes, and the lines between them. */
export interface Box {
  readonly name: string;
  readonly kind: "service" | "topic";
  /** Its centre and size. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Edge {
  readonly from: string;
  readonly to: string;
  /** An SVG path. */
  readonly path: string;
  /** The place of its rate, and how the text is aligned there. */
  readonly label: {
    readonly x: number;
    readonly y: number;
    readonly anchor: "start" | "middle" | "end";
  };
}
