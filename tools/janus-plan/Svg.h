//===- Svg.h - plots for a report -------------------------------*- C++ -*-===//
//
// Each returns one <svg> that needs nothing but the page's style sheet. Values
// are shown by <title>, where the pointer is.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_TOOLS_JANUS_PLAN_SVG_H
#define JANUS_TOOLS_JANUS_PLAN_SVG_H

#include <string>
#include <utility>
#include <vector>

namespace janus::plan {

struct Series {
  std::string name, color;
  bool dashed = false, strong = false;
  std::vector<std::pair<double, double>> points; // ascending by x
};

struct Axis {
  std::string label;
  bool powers = false;            // of two: equal distances between doublings
  std::vector<double> ticks = {}; // none: round numbers
};

/// A stretch of the x axis with a name.
struct Span {
  double begin, end;
  std::string name;
};

struct LinePlot {
  Axis x, y;
  std::vector<Series> series; // the last is drawn on top
  bool markers = true;        // at every point
  bool from_zero = false;     // the y axis
  std::vector<Span> spans;
  std::vector<std::pair<double, std::string>> marks; // small ticks at the bottom, with what they say
  double width = 820, height = 360;
};
std::string Draw(const LinePlot &plot);

struct BarPlot {
  Axis x, y;                       // labels alone
  std::vector<std::string> groups; // along x
  std::vector<Series> series;      // y of points, in the order of the groups
  double line = 0;                 // a limit; 0: none
  std::string line_name;
  double width = 820, height = 300;
};
std::string Draw(const BarPlot &plot);

/// values[row][column], 0 to 1, from pale to dark; `borders`: rows and columns
/// before which a line is drawn. An image of a pixel a value, so that large ones stay small.
std::string DrawMatrix(const std::vector<std::vector<double>> &values, const std::vector<size_t> &borders,
                       const std::string &title, double size);

std::string Escaped(const std::string &text);

} // namespace janus::plan

#endif // JANUS_TOOLS_JANUS_PLAN_SVG_H
