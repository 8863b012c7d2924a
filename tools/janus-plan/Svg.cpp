#include "tools/janus-plan/Svg.h"

#include "tools/janus-plan/Png.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace janus::plan {
namespace {

constexpr double kLeft = 56, kRight = 16, kTop = 18, kBottom = 48;

/// 1, 2 or 5 times a power of ten, so that there are about `wanted` steps.
double RoundStep(double range, int wanted) {
  const double raw = range / wanted, power = std::pow(10, std::floor(std::log10(raw)));
  for (double factor : {1.0, 2.0, 5.0})
    if (factor * power >= raw * 0.999)
      return factor * power;
  return 10 * power;
}

/// Round numbers from `low` to `high`.
std::vector<double> RoundTicks(double low, double high, int wanted) {
  const double step = RoundStep(high - low, wanted);
  std::vector<double> ticks;
  for (auto i = static_cast<int64_t>(std::ceil(low / step - 1e-9)); static_cast<double>(i) * step <= high + step * 1e-9;
       ++i)
    ticks.push_back(static_cast<double>(i) * step);
  return ticks;
}

std::string Number(double value) {
  std::string text = absl::StrFormat("%.3f", value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.')
    text.pop_back();
  return text == "-0" ? "0" : text;
}

/// Values to places on a line.
class Scale {
public:
  Scale(double low, double high, double from, double to, bool powers) : from_(from), to_(to), powers_(powers) {
    low_ = powers ? std::log2(low) : low;
    high_ = powers ? std::log2(high) : high;
    if (!(high_ > low_))
      low_ -= 0.5, high_ = low_ + 1;
  }
  double operator()(double value) const {
    return from_ + ((powers_ ? std::log2(value) : value) - low_) / (high_ - low_) * (to_ - from_);
  }

private:
  double low_, high_, from_, to_;
  bool powers_;
};

std::string Text(double x, double y, const std::string &text, const char *css, const char *anchor = "middle",
                 const std::string &more = "") {
  return absl::StrFormat("<text x=\"%.1f\" y=\"%.1f\" class=\"%s\" text-anchor=\"%s\"%s>%s</text>\n", x, y, css, anchor,
                         more, Escaped(text));
}
std::string Line(double x1, double y1, double x2, double y2, const char *css) {
  return absl::StrFormat("<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>\n", x1, y1, x2, y2, css);
}

std::string Open(double width, double height) {
  return absl::StrFormat("<svg viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" role=\"img\">\n", width, height, width);
}

/// Horizontal lines and the names of both axes.
std::string Frame(double width, double height, const Axis &x, const Axis &y, const Scale &place, double low,
                  double high) {
  std::string svg;
  for (double tick : RoundTicks(low, high, 6)) {
    absl::StrAppend(&svg, Line(kLeft, place(tick), width - kRight, place(tick), "grid"),
                    Text(kLeft - 8, place(tick) + 4, Number(tick), "tick", "end"));
  }
  const double middle = (kTop + height - kBottom) / 2;
  absl::StrAppend(
      &svg, Text((kLeft + width - kRight) / 2, height - 8, x.label, "axis"),
      Text(14, middle, y.label, "axis", "middle", absl::StrFormat(" transform=\"rotate(-90 14 %.1f)\"", middle)));
  return svg;
}

struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  void Take(double value) { low = std::min(low, value), high = std::max(high, value); }
};

std::string Curve(const Series &series, const Scale &x, const Scale &y, bool markers) {
  std::string path, dots;
  for (const auto &[px, py] : series.points) {
    absl::StrAppendFormat(&path, "%s%.1f %.1f", path.empty() ? "M" : "L", x(px), y(py));
    if (markers)
      absl::StrAppendFormat(
          &dots, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%s\" fill=\"%s\"><title>%s: %s at %s</title></circle>\n", x(px),
          y(py), series.strong ? "4" : "3", series.color, Escaped(series.name), Number(py), Number(px));
  }
  return absl::StrFormat("<path d=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"%s\"%s stroke-linejoin=\"round\">"
                         "<title>%s</title></path>\n%s",
                         path, series.color, series.strong ? "2.6" : "1.6",
                         series.dashed ? " stroke-dasharray=\"6 4\"" : "", Escaped(series.name), dots);
}

} // namespace

std::string Escaped(const std::string &text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

std::string Draw(const LinePlot &plot) {
  Range xs, ys;
  for (const Series &series : plot.series)
    for (const auto &[x, y] : series.points)
      xs.Take(x), ys.Take(y);
  if (!(xs.low <= xs.high))
    return "";
  if (plot.from_zero)
    ys.Take(0);
  const double margin = (ys.high - ys.low) * 0.06 + 1e-9;
  const double low = plot.from_zero ? 0 : ys.low - margin, high = ys.high + margin;
  const double inset = plot.markers ? 14 : 0;
  const Scale x(xs.low, xs.high, kLeft + inset, plot.width - kRight - inset, plot.x.powers),
      y(low, high, plot.height - kBottom, kTop, false);
  std::string svg = Open(plot.width, plot.height);
  for (size_t i = 0; i < plot.spans.size(); ++i) {
    const Span &span = plot.spans[i];
    absl::StrAppendFormat(&svg, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" class=\"span%d\"/>\n",
                          x(span.begin), kTop, x(span.end) - x(span.begin), plot.height - kBottom - kTop, i % 2);
    absl::StrAppend(&svg, Text((x(span.begin) + x(span.end)) / 2, kTop - 5, span.name, "span"));
  }
  absl::StrAppend(&svg, Frame(plot.width, plot.height, plot.x, plot.y, y, low, high));
  std::vector<double> ticks = plot.x.ticks;
  if (ticks.empty())
    ticks = RoundTicks(xs.low, xs.high + 1e-9, 10);
  const double bottom = plot.height - kBottom;
  absl::StrAppend(&svg, Line(kLeft, bottom, plot.width - kRight, bottom, "base"));
  for (double tick : ticks)
    absl::StrAppend(&svg, Line(x(tick), bottom, x(tick), bottom + 4, "base"),
                    Text(x(tick), bottom + 17, Number(tick), "tick"));
  for (const auto &[place, words] : plot.marks)
    absl::StrAppendFormat(
        &svg, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"mark\"><title>%s</title></line>\n",
        x(place), bottom - 9, x(place), bottom, Escaped(words));
  for (const Series &series : plot.series)
    absl::StrAppend(&svg, Curve(series, x, y, plot.markers));
  return svg + "</svg>\n";
}

std::string Draw(const BarPlot &plot) {
  Range ys;
  ys.Take(0);
  ys.Take(plot.line);
  for (const Series &series : plot.series)
    for (const auto &point : series.points)
      ys.Take(point.second);
  const double high = ys.high * 1.06 + 1e-9, bottom = plot.height - kBottom;
  const Scale y(0, high, bottom, kTop, false);
  std::string svg = Open(plot.width, plot.height) + Frame(plot.width, plot.height, plot.x, plot.y, y, 0, high);
  const double group = (plot.width - kRight - kLeft) / static_cast<double>(std::max<size_t>(1, plot.groups.size()));
  const double bar = group * 0.84 / static_cast<double>(std::max<size_t>(1, plot.series.size()));
  for (size_t g = 0; g < plot.groups.size(); ++g) {
    const double left = kLeft + group * (static_cast<double>(g) + 0.08);
    for (size_t s = 0; s < plot.series.size(); ++s) {
      const Series &series = plot.series[s];
      if (g >= series.points.size())
        continue;
      const double value = series.points[g].second;
      absl::StrAppendFormat(
          &svg,
          "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"><title>%s, %s: %s</title></rect>\n",
          left + bar * static_cast<double>(s), y(value), std::max(0.5, bar - 0.6), bottom - y(value), series.color,
          Escaped(series.name), Escaped(plot.groups[g]), Number(value));
    }
    absl::StrAppend(&svg, Text(left + group * 0.42, bottom + 17, plot.groups[g], "tick"));
  }
  absl::StrAppend(&svg, Line(kLeft, bottom, plot.width - kRight, bottom, "base"));
  if (plot.line > 0)
    absl::StrAppend(&svg, Line(kLeft, y(plot.line), plot.width - kRight, y(plot.line), "limit"),
                    Text(plot.width - kRight, y(plot.line) - 5, plot.line_name, "tick", "end"));
  return svg + "</svg>\n";
}

std::string DrawMatrix(const std::vector<std::vector<double>> &values, const std::vector<size_t> &borders,
                       const std::string &title, double size) {
  // From near white over blue to near black: one hue, growing darker, so that it reads in grey too.
  constexpr std::array<std::array<double, 3>, 4> kStops = {
      {{247, 250, 253}, {158, 197, 232}, {38, 105, 178}, {8, 29, 68}}};
  std::vector<std::array<uint8_t, 3>> palette;
  for (int i = 0; i < 256; ++i) {
    const double at = i / 255.0 * (kStops.size() - 1);
    const size_t stop = std::min<size_t>(static_cast<size_t>(at), kStops.size() - 2);
    auto &color = palette.emplace_back();
    for (int c = 0; c < 3; ++c)
      color[c] = static_cast<uint8_t>(
          std::lround(kStops[stop][c] + (at - static_cast<double>(stop)) * (kStops[stop + 1][c] - kStops[stop][c])));
  }
  std::vector<uint8_t> pixels;
  for (const std::vector<double> &row : values)
    for (double value : row)
      pixels.push_back(static_cast<uint8_t>(std::lround(std::clamp(value, 0.0, 1.0) * 255)));
  const double count = static_cast<double>(std::max<size_t>(1, values.size())), top = 22;
  std::string svg = Open(size, size + top);
  absl::StrAppend(&svg, Text(size / 2, 14, title, "axis"));
  absl::StrAppendFormat(&svg,
                        "<image x=\"0\" y=\"%.0f\" width=\"%.0f\" height=\"%.0f\" class=\"pixels\" href=\"%s\"/>\n",
                        top, size, size, PngUrl(pixels, static_cast<uint32_t>(values.size()), palette));
  for (size_t border : borders) {
    const double at = static_cast<double>(border) / count * size;
    absl::StrAppend(&svg, Line(at, top, at, size + top, "border"), Line(0, top + at, size, top + at, "border"));
  }
  return svg + "</svg>\n";
}

} // namespace janus::plan
