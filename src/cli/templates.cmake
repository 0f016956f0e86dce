# Makes OUTPUT, the C source of the sweep files FILES (a list), which the command has in itself so that it needs nothing beside it:
#   cmake -DOUTPUT=templates.c -DFILES=a.yaml|b.yaml -P templates.cmake
string(REPLACE "|" ";" FILES "${FILES}")
set(source "#include \"cli/templates.h\"\n\nconst struct template templates[] = {\n")
set(count 0)
foreach(path IN LISTS FILES)
    get_filename_component(name ${path} NAME_WE)
    # As numbers: nothing in a text is then C.
    file(READ ${path} bytes HEX)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1, " bytes "${bytes}")
    string(APPEND source "    { \"${name}\", (const char[]){ ${bytes}0 } },\n")
    math(EXPR count "${count} + 1")
endforeach()
string(APPEND source "};\n\nconst size_t template_count = ${count};\n")
file(WRITE ${OUTPUT} "${source}")
